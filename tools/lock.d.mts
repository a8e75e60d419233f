// Types of lock.mjs.
export interface Held {
  readonly release: () => void;
}
export function processIdentity(pid: number): string | undefined;
export function tryLock(file: string): Held | { readonly owner: number; readonly release?: undefined };
export function lock(
  file: string,
  options?: { onWait?: (owner: number) => void; signal?: AbortSignal | undefined; poll?: number },
): Promise<Held>;
