// One configuration of the process platform with a mistake of every kind, and where each of them is told.

export const everyMistake: {
  readonly settings: Readonly<Record<string, string | number | object>>;
  readonly secrets: readonly string[];
  readonly places: readonly RegExp[];
} = {
  settings: {
    scrapeIntervall: "5s",
    retention: "soon",
    demo: "maybe",
    portOffset: 50_000,
    slackWebhookUrl: "https://hooks.example.org/x",
    integrations: [
      { name: "stripe", probe: "http", url: "ftp://stripe.example.org" },
      { name: "stripe", probe: "tcp", address: "127.0.0.1:1" },
    ],
    databases: [{ id: "main", kind: "postgres", address: "db:5432", user: "stats", passwordSecret: "mainPassword" }],
    services: [
      { name: "redis", owner: "data", metrics: { address: "127.0.0.1:1", pth: "/" } },
      { name: "Billing", owner: "billing", metrics: { address: "127.0.0.1" } },
      { name: "lab", owner: "lab", metrics: { address: "127.0.0.1:2" }, dependsOn: ["Billing", "stripe", "ward"] },
      { name: "ward", owner: "ward", metrics: { address: "127.0.0.1:3" }, dependsOn: ["lab"] },
      { name: "desk", owner: "desk", metrics: { address: "127.0.0.1:4" }, dependsOn: ["prometeus"] },
    ],
    alertOverrides: {
      RedisDwn: { enabled: false },
      ServiceDown: { for: "long", labels: { severity: "page" } },
    },
    sizeOverrides: { jaeger: { replicas: 2 }, redis: { memory: "64MB" }, rediss: { cpu: 1 } },
  },
  secrets: ["unused"],
  places: [
    /^vitals:demo: is "maybe"/,
    /^vitals:retention: is "soon"/,
    /^vitals:integrations\[0\]\.url: is "ftp:/,
    /^vitals:services\[0\]\.metrics\.pth: is not a setting that exists/,
    /^vitals:services\[1\]\.name: is "Billing"/,
    /^vitals:services\[1\]\.metrics\.address: is "127\.0\.0\.1"/,
    /^vitals:alertOverrides\.ServiceDown\.for: is "long"/,
    /^vitals:sizeOverrides\.redis\.memory: is "64MB"/,
    /^vitals:scrapeIntervall: is not a setting that exists/,
    /^vitals:slackWebhookUrl: is a secret, but stands there in clear/,
    /^vitals:integrations\[1\]: the name "stripe" is taken/,
    /^vitals:databases\[0\]\.passwordSecret: no secret named "mainPassword" is set/,
    /^vitals:unused: is a secret that nothing uses/,
    /^vitals:services\[0\]\.name: is "redis", the name of a service of the stack itself/,
    /^vitals:alertOverrides\.RedisDwn: is not an alert that exists/,
    /^vitals:alertOverrides\.ServiceDown\.labels\.severity: is a label that the stack sets itself/,
    /^vitals:sizeOverrides\.jaeger\.replicas: is 2, but jaeger runs once/,
    /^vitals:sizeOverrides\.rediss: is no service of this stack/,
    /^vitals:services\[2\]\.dependsOn: "lab" depends on itself/,
    /^vitals:services\[3\]\.dependsOn: "ward" depends on itself/,
    /^vitals:services\[4\]\.dependsOn: "prometeus" is no service/,
    /^jaeger\/web: port 66686 is above 65535/,
    /^jaeger\/query: port 66685 is above 65535/,
  ],
};

/** The problems in what a command printed that have their remedy below them. */
export const problemsIn = (text: string): readonly string[] =>
  [...text.matchAll(/^ *(?:error: )?((?:vitals:|\S+\/)\S+: .+)\n +-> \S/gm)].map(([, problem = ""]) => problem);
