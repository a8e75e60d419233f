// Types of dependencies.mjs.
export function installDependencies(root: string, say: (text: string) => void): Promise<void>;
export function isInstalled(root: string): boolean;
