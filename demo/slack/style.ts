// The look of the inbox's page, in light and dark, wide and narrow.

export const style = `
:root {
  --paper: #fff; --ink: #1d1c1d; --soft: #5e5d60; --line: #e3e2e5; --hover: #f8f8f9; --card: #fff; --code: #c01343; --codebox: #f6f6f7;
  --link: #0b5fad; --nav: #3b1f4a; --navink: #e9e0ee; --navsoft: #bba9c6; --navon: #ffffff24;
  --firing: #c8102e; --firingtint: #fdf0f1; --firingline: #f3c6cc; --warn: #8a5a00; --warntint: #fdf6e8; --warnline: #efd9ac; --resolved: #1a7f4e; --resolvedtint: #eef8f2; --resolvedline: #bfe3cf; --live: #1a7f4e; --mark: #fff6d6;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #1a1d21; --ink: #dcdddf; --soft: #a3a5a9; --line: #35383d; --hover: #202327; --card: #202327; --code: #f0829b; --codebox: #2a2d32;
    --link: #62aef0; --nav: #121016; --navink: #dcd6e0; --navsoft: #98909f; --navon: #ffffff1c;
    --firing: #ff6b7d; --firingtint: #2d1c20; --firingline: #5b2a33; --warn: #f0b650; --warntint: #292318; --warnline: #55462a; --resolved: #4fc98b; --resolvedtint: #17271f; --resolvedline: #234c38; --live: #4fc98b; --mark: #3a3423;
  }
}
* { box-sizing: border-box; }
html, body { height: 100%; margin: 0; }
body { display: grid; grid-template-columns: 248px minmax(0, 1fr); background: var(--paper); color: var(--ink);
  font: 15px/1.47 Lato, "Segoe UI", -apple-system, BlinkMacSystemFont, Roboto, "Helvetica Neue", "Liberation Sans", Arial, sans-serif; }
a { color: var(--link); text-decoration: none; overflow-wrap: anywhere; }
a:hover { text-decoration: underline; }
:focus-visible { outline: 2px solid var(--link); outline-offset: 2px; }
[hidden] { display: none !important; }

nav { background: var(--nav); color: var(--navink); padding: 0 8px; display: flex; flex-direction: column; min-height: 0; }
nav header { display: flex; align-items: center; gap: 10px; height: 56px; padding: 0 10px; }
nav header b, nav header small { display: block; line-height: 1.25; }
nav small, nav h2, nav p { color: var(--navsoft); }
nav h2 { font-size: 13px; font-weight: 600; margin: 12px 10px 4px; }
nav ul { list-style: none; margin: 0; padding: 0; }
nav a { display: flex; justify-content: space-between; gap: 8px; padding: 5px 10px; border-radius: 6px; color: var(--navink); }
nav a:hover { background: #ffffff14; text-decoration: none; }
nav a[aria-current] { background: var(--navon); color: #fff; font-weight: 700; }
nav a:focus-visible { outline-color: #fff; }
nav p { font-size: 12.5px; margin: auto 10px 14px; padding-top: 12px; }
nav i, h1 i { font-style: normal; opacity: .7; margin-right: 5px; font-weight: 400; }
.count { font-size: 12px; font-weight: 400; color: var(--navsoft); font-variant-numeric: tabular-nums; align-self: center; }
.logo { width: 30px; height: 30px; flex: none; color: #46d39a; }

main { display: flex; flex-direction: column; min-width: 0; min-height: 0; height: 100dvh; position: relative; }
main > header { height: 56px; flex: none; padding: 0 20px; border-bottom: 1px solid var(--line); display: flex; align-items: center; justify-content: space-between; gap: 12px; }
h1 { font-size: 18px; margin: 0; }
.live { font-size: 12.5px; color: var(--soft); display: inline-flex; align-items: center; gap: 6px; }
.live::before { content: ""; width: 8px; height: 8px; border-radius: 50%; background: var(--soft); }
.live.on { color: var(--live); }
.live.on::before { background: var(--live); }
#messages { flex: 1; overflow-y: auto; padding: 8px 0 24px; overscroll-behavior: contain; }
#messages:focus-visible { outline-offset: -2px; }
#newer { position: absolute; bottom: 18px; left: 50%; transform: translateX(-50%); border: 0; border-radius: 20px; padding: 8px 16px;
  background: var(--link); color: var(--paper); font: inherit; font-weight: 600; cursor: pointer; box-shadow: 0 3px 12px #0004; }
.empty { height: 100%; display: flex; flex-direction: column; align-items: center; justify-content: center; gap: 4px; color: var(--soft); padding: 24px; text-align: center; }
.empty .logo { width: 52px; height: 52px; color: var(--resolved); }
.empty b { color: var(--ink); font-size: 17px; }
.day { display: flex; align-items: center; gap: 0; margin: 12px 0 4px; }
.day::before, .day::after { content: ""; flex: 1; border-top: 1px solid var(--line); }
.day span { border: 1px solid var(--line); border-radius: 14px; padding: 1px 13px; font-size: 13px; font-weight: 600; }

article { display: grid; grid-template-columns: 36px minmax(0, 1fr); gap: 10px; padding: 8px 20px; }
article:hover { background: var(--hover); }
article.new { animation: arrive 2.4s ease-out; }
@keyframes arrive { from { background: var(--mark); } }
@media (prefers-reduced-motion: reduce) { article.new { animation: none; } }
.avatar { width: 36px; height: 36px; border-radius: 7px; background: hsl(var(--hue) 45% 38%); color: #fff; display: grid; place-items: center; font-size: 18px; }
.avatar.pictured { background: var(--codebox); border: 1px solid var(--line); font-size: 21px; }
.meta { overflow-wrap: anywhere; display: flex; flex-wrap: wrap; align-items: baseline; gap: 0 7px; line-height: 1.3; }
.app { font-size: 10.5px; line-height: 15px; padding: 0 4px; border-radius: 3px; background: var(--line); color: var(--soft); text-transform: uppercase; font-weight: 700; }
.meta time, .channel, .footer, .footer time { font-size: 12.5px; color: var(--soft); }
.text { overflow-wrap: anywhere; margin-top: 1px; }
.attachment { border: 1px solid var(--line); border-left: 5px solid var(--bar); border-radius: 6px; background: var(--card); padding: 9px 14px 10px; margin: 6px 0 2px; max-width: 720px; }
.attachment.firing { background: var(--firingtint); border-color: var(--firingline); border-left-color: var(--bar); }
.attachment.resolved { background: var(--resolvedtint); border-color: var(--resolvedline); border-left-color: var(--bar); }
.attachment.firing.warning { background: var(--warntint); border-color: var(--warnline); border-left-color: var(--bar); }
.title { font-weight: 700; font-size: 16px; overflow-wrap: anywhere; }
.state { display: inline-block; font-size: 11px; line-height: 18px; letter-spacing: .4px; text-transform: uppercase; padding: 0 8px; border-radius: 10px; margin-right: 8px; color: var(--paper); vertical-align: 1.5px; }
.firing .state { background: var(--firing); }
.firing.warning .state { background: var(--warn); }
.resolved .state { background: var(--resolved); }
dl { display: grid; grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 8px 20px; margin: 8px 0 2px; }
dl > div { grid-column: 1 / -1; min-width: 0; }
dl > .short { grid-column: auto; }
dt { font-weight: 700; font-size: 14px; overflow-wrap: anywhere; }
dd { margin: 0; overflow-wrap: anywhere; }
.actions { display: flex; flex-wrap: wrap; gap: 8px; margin-top: 10px; }
.button { border: 1px solid var(--line); background: var(--paper); color: var(--ink); border-radius: 6px; padding: 4px 13px; font-weight: 700; font-size: 13.5px; }
a.button:hover { background: var(--hover); text-decoration: none; }
.button.primary { background: #1a7f4e; border-color: #1a7f4e; color: #fff; }
.button.danger { background: #c8102e; border-color: #c8102e; color: #fff; }
a.button.primary:hover, a.button.danger:hover { filter: brightness(1.1); }
.footer { margin-top: 8px; }
code, pre { font: 12.5px/1.5 ui-monospace, Menlo, Consolas, "Liberation Mono", monospace; background: var(--codebox); border: 1px solid var(--line); border-radius: 4px; }
code { color: var(--code); padding: 1px 4px; overflow-wrap: anywhere; }
pre { margin: 5px 0; padding: 8px 10px; white-space: pre-wrap; overflow-wrap: anywhere; }
.quote { display: inline-block; border-left: 4px solid var(--line); padding-left: 10px; }
.mention { background: var(--mark); color: var(--link); border-radius: 3px; padding: 0 3px; }
.circle { display: inline-block; width: .95em; height: .95em; border-radius: 50%; vertical-align: -.12em; box-shadow: inset 0 -2px 3px #0003; }
.emoji { width: 1.15em; height: 1.15em; vertical-align: -.22em; }
.circle.red { background: #e0283c; } .circle.green { background: #2fa36b; } .circle.yellow { background: #efc12e; }
.circle.orange { background: #ee8a2a; } .circle.blue { background: #3b86d8; } .circle.white { background: #f2f2f4; }

@media (max-width: 700px) {
  body { grid-template-columns: minmax(0, 1fr); grid-template-rows: auto minmax(0, 1fr); }
  nav { padding: 0 8px 8px; }
  nav header { height: 46px; }
  nav h2, nav p { display: none; }
  nav ul { display: flex; overflow-x: auto; gap: 4px; }
  nav a { white-space: nowrap; }
  main { height: auto; }
  main > header { height: 44px; padding: 0 12px; }
  article { padding: 8px 12px; gap: 8px; }
  .attachment { padding: 8px 11px 9px; }
}
`;
