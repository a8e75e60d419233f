// What a person is told when something is wrong: where, what, and what to do about it. All problems at once, never one at a time.

export interface Problem {
  /** The place: a config path such as `vitals:integrations[0].url`, a service, a file. */
  readonly where: string;
  readonly what: string;
  /** What the reader can do now. */
  readonly remedy: string;
  /** Other places that this rests on: where one of them is wrong itself, that alone is told. */
  readonly follows?: readonly string[];
}

/** An expected failure: shown as its problems, without a stack trace. */
export class StackError extends Error {
  readonly problems: readonly Problem[];

  constructor(problems: readonly Problem[], options?: ErrorOptions) {
    super(formatProblems(problems), options);
    this.name = "StackError";
    this.problems = problems;
  }
}

/** One problem as an error. */
export const stackError = (where: string, what: string, remedy: string, cause?: unknown): StackError =>
  new StackError([{ where, what, remedy }], cause === undefined ? undefined : { cause });

/** `where: what` with the remedy on a line of its own, a blank line never. */
export const formatProblems = (problems: readonly Problem[]): string =>
  problems.map(({ where, what, remedy }) => `${where}: ${what}\n  -> ${remedy}`).join("\n");

/** The text of anything that was thrown. */
export const messageOf = (thrown: unknown): string => (thrown instanceof Error ? thrown.message : String(thrown));
