// One request for all questions of a moment: a browser keeps six connections at most, and slow answers would keep all others waiting.

type Fetch = (path: string, init?: RequestInit) => Promise<Response>;

interface Question {
  readonly text: string;
  readonly take: (answer: Response) => void;
  readonly fail: (error: unknown) => void;
}

interface Batch {
  readonly questions: Question[];
  readonly stop: AbortController;
  /** Questions that somebody waits for. */
  open: number;
}

/**
 * Like `fetch`, for paths of Prometheus' API with parameters in the path or as `URLSearchParams` in the body. What is asked within one
 * turn of the page goes out together, and each answer arrives as soon as it is there. When nobody waits any more the request ends.
 */
export function gather(fetch: Fetch): Fetch {
  let next: Batch | undefined;
  return (path, init) =>
    new Promise((resolve, reject) => {
      const signal = init?.signal ?? undefined;
      signal?.throwIfAborted();
      if (next === undefined) {
        next = { questions: [], stop: new AbortController(), open: 0 };
        setTimeout(() => {
          if (next !== undefined) void askAll(fetch, next);
          next = undefined;
        });
      }
      const batch = next;
      batch.open += 1;
      const close = (): void => {
        signal?.removeEventListener("abort", leave);
        batch.open -= 1;
      };
      const leave = (): void => {
        close();
        if (batch.open === 0 && batch !== next) batch.stop.abort();
        reject(signal?.reason);
      };
      signal?.addEventListener("abort", leave);
      batch.questions.push({
        text: init?.body === undefined ? path : `${path}?${init.body}`,
        take: (answer) => {
          close();
          resolve(answer);
        },
        fail: (error) => {
          close();
          reject(error);
        },
      });
    });
}

async function askAll(fetch: Fetch, { questions, stop, open }: Batch): Promise<void> {
  if (open === 0) return;
  const left = new Set(questions);
  try {
    const response = await fetch("/api/questions", {
      method: "POST",
      body: JSON.stringify(questions.map(({ text }) => text)),
      signal: stop.signal,
    });
    if (!response.ok || response.body === null) throw new Error(`the viewer answers ${response.status}`);
    await eachLine(response.body, (line) => {
      const gap = line.indexOf(" ");
      const question = questions[Number(line.slice(0, gap))];
      if (question === undefined || !left.delete(question)) return;
      question.take(new Response(line.slice(gap + 1)));
    });
    throw new Error("the viewer left out an answer");
  } catch (error) {
    for (const question of left) question.fail(error);
  }
}

async function eachLine(body: ReadableStream<Uint8Array>, take: (line: string) => void): Promise<void> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let parts: string[] = [];
  for (;;) {
    const { done, value: bytes } = await reader.read();
    if (done) return;
    const value = decoder.decode(bytes, { stream: true });
    let from = 0;
    for (let end = value.indexOf("\n"); end >= 0; end = value.indexOf("\n", from)) {
      take(parts.join("") + value.slice(from, end));
      parts = [];
      from = end + 1;
    }
    parts.push(value.slice(from));
  }
}
