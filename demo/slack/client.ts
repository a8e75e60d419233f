// The script of the inbox's page: the reader's own time, days, and messages that arrive while the page is open.

/** Runs in the browser as it stands here; it may use nothing from outside itself. */
function follow(): void {
  const list = document.querySelector("#messages") as HTMLElement;
  const newer = document.querySelector("#newer") as HTMLButtonElement;
  const live = document.querySelector("#live") as HTMLElement;
  const { channel = "", last = "0" } = document.body.dataset;
  const pageTitle = document.title;
  let unseen = 0;

  const atEnd = (): boolean => list.scrollHeight - list.scrollTop - list.clientHeight < 80;
  const toEnd = (): void => {
    list.scrollTop = list.scrollHeight;
    newer.hidden = true;
  };
  const ownTime = (root: ParentNode): void => {
    for (const time of root.querySelectorAll("time")) {
      const instant = new Date(time.dateTime);
      time.textContent = instant.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
      time.title = instant.toLocaleString();
    }
  };
  const dayOf = (article: Element): string => {
    const instant = new Date(article.querySelector("time")?.dateTime ?? 0);
    const ago = Math.round((new Date().setHours(0, 0, 0, 0) - new Date(instant).setHours(0, 0, 0, 0)) / 86_400_000);
    if (ago === 0) return "Today";
    return ago === 1 ? "Yesterday" : instant.toLocaleDateString([], { weekday: "long", day: "numeric", month: "long" });
  };
  let lastDay = "";
  const divide = (article: Element): void => {
    const day = dayOf(article);
    if (day === lastDay) return;
    lastDay = day;
    const divider = document.createElement("div");
    divider.className = "day";
    divider.append(Object.assign(document.createElement("span"), { textContent: day }));
    article.before(divider);
  };
  const count = (name: string): void => {
    const counter = [...document.querySelectorAll<HTMLElement>("nav a")]
      .find((each) => each.dataset.channel === name)
      ?.querySelector(".count");
    if (counter) counter.textContent = String(Number(counter.textContent) + 1);
  };
  const arrive = ({ id, channel: of, html }: { id: number; channel: string; html: string }): void => {
    count("");
    count(of);
    if ((channel !== "" && channel !== of) || list.querySelector(`article[data-id="${id}"]`)) return;
    const follows = atEnd();
    list.insertAdjacentHTML("beforeend", html);
    const article = list.lastElementChild as HTMLElement;
    article.classList.add("new");
    ownTime(article);
    divide(article);
    (document.querySelector("#empty") as HTMLElement).hidden = true;
    if (follows) toEnd();
    else newer.hidden = false;
    if (document.hidden) document.title = `(${++unseen}) ${pageTitle}`;
  };

  ownTime(list);
  for (const article of list.querySelectorAll("article")) divide(article);
  toEnd();
  newer.addEventListener("click", toEnd);
  list.addEventListener("scroll", () => {
    if (atEnd()) newer.hidden = true;
  });
  document.addEventListener("visibilitychange", () => {
    unseen = 0;
    document.title = pageTitle;
  });
  const state = (text: string, on: boolean): void => {
    live.textContent = text;
    live.classList.toggle("on", on);
  };
  const events = new EventSource(`/events?after=${last}`);
  events.addEventListener("open", () => state("live", true));
  events.addEventListener("error", () => state("reconnecting", false));
  events.addEventListener("message", (event) => arrive(JSON.parse(event.data)));
}

export const clientScript = `(${follow.toString()})();`;
