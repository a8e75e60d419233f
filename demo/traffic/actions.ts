// What people of the clinic do, and how often: mostly reads of few patients, some writes.
import { sizes } from "../clinic/data.ts";
import type { Draws } from "./draws.ts";

/** `gateway`: GraphQL, which it answers itself. */
export const services = ["clinical-service", "business-service", "medication-service", "gateway"] as const;
export type DemoService = (typeof services)[number];

export interface Request {
  readonly service: DemoService;
  readonly method: "GET" | "POST" | "PATCH";
  readonly path: string;
  readonly body?: object;
}

interface Action {
  readonly weight: number;
  readonly make: (draws: Draws, patients: number) => Request;
}

const get = (service: DemoService, weight: number, path: (draws: Draws, patients: number) => string): Action => ({
  weight,
  make: (draws, patients) => ({ service, method: "GET", path: path(draws, patients) }),
});
const location = (draws: Draws): number => draws.upTo(sizes.locations);
const member = (draws: Draws): number => draws.upTo(sizes.locations * sizes.staffPerLocation);
const dayMs = 86_400_000;
/** So many days from now, at this very time. */
const later = (days: number): string => new Date(Date.now() + days * dayMs).toISOString();
/** When a day begins (UTC): whoever looks at a day's visits asks for the day, and all who do ask for the same. */
const midnight = (days: number): string => new Date((Math.floor(Date.now() / dayMs) + days) * dayMs).toISOString();

const graph = (weight: number, query: string, variables: (draws: Draws, patients: number) => object): Action => ({
  weight,
  make: (draws, patients) => ({
    service: "gateway",
    method: "POST",
    path: "/graphql",
    body: { query, variables: variables(draws, patients) },
  }),
});

/** What is asked of the services. Weights are shares of a thousand. */
const ofServices: readonly Action[] = [
  get("clinical-service", 230, (draws, patients) => `/patients/${draws.zipf(patients)}`),
  get("clinical-service", 170, (draws, patients) => `/patients/${draws.zipf(patients)}/appointments`),
  get("clinical-service", 80, (draws, patients) => `/patients/${draws.zipf(patients)}/lab-orders`),
  get(
    "clinical-service",
    60,
    (draws) => `/appointments?locationId=${location(draws)}&from=${midnight(0)}&before=${midnight(1)}`,
  ),
  get("clinical-service", 50, (draws) => `/patients?limit=20&page=${draws.upTo(20)}`),
  get("clinical-service", 20, () => "/lab-orders?status=ordered&limit=50"),
  get("clinical-service", 5, () => "/patients/999999999"),
  get("medication-service", 120, (draws, patients) => `/patients/${draws.zipf(patients)}/medications`),
  get("medication-service", 20, () => "/medications?status=paused"),
  get("business-service", 60, (draws) => `/locations/${location(draws)}`),
  get("business-service", 50, (draws) => `/locations/${location(draws)}/inventory?limit=50`),
  get("business-service", 30, (draws) => `/locations/${location(draws)}/staff`),
  get("business-service", 30, () => "/insurance-providers"),
  get("business-service", 25, (draws, patients) => `/patients/${draws.zipf(patients)}/authorizations`),
  {
    weight: 8,
    make: (draws, patients) => ({
      service: "clinical-service",
      method: "POST",
      path: `/patients/${draws.zipf(patients)}/appointments`,
      body: {
        staffId: member(draws),
        locationId: location(draws),
        startsAt: later(draws.upTo(60)),
        reason: "follow-up",
      },
    }),
  },
  {
    weight: 17,
    make: (draws, patients) => ({
      service: "clinical-service",
      method: "PATCH",
      path: `/appointments/${draws.zipf(patients)}`,
      body: { status: draws.pick(["confirmed", "completed", "cancelled"]) },
    }),
  },
  {
    weight: 15,
    make: (draws) => ({
      service: "business-service",
      method: "PATCH",
      path: `/inventory/${draws.upTo(sizes.locations * sizes.itemsPerLocation)}`,
      body: { quantity: draws.upTo(500) },
    }),
  },
  {
    weight: 10,
    make: (draws, patients) => ({
      service: "medication-service",
      method: "PATCH",
      path: `/medications/${draws.zipf(patients)}`,
      body: { refillsLeft: draws.upTo(6) - 1 },
    }),
  },
];

/** What is asked of the gateway alone: a patient's page in one request, and a list with what belongs to each. */
const ofGateway: readonly Action[] = [
  graph(
    60,
    "query ($id: ID!) { patient(id: $id) { givenName familyName appointments(limit: 5) { startsAt status } medications { name dose } labOrders(limit: 5) { testCode status } } }",
    (draws, patients) => ({ id: `${draws.zipf(patients)}` }),
  ),
  graph(
    15,
    "query ($offset: Int) { patients(limit: 10, offset: $offset) { id familyName appointments(limit: 3) { startsAt } } }",
    (draws) => ({ offset: 10 * (draws.upTo(20) - 1) }),
  ),
];

const all = [...ofServices, ...ofGateway];

/** `graphql`: whether the requests go by the gateway, which speaks it. */
export function nextRequest(draws: Draws, patients: number, graphql = false): Request {
  const actions = graphql ? all : ofServices;
  let left = draws.fraction() * actions.reduce((sum, { weight }) => sum + weight, 0);
  for (const { weight, make } of actions) {
    left -= weight;
    if (left < 0) return make(draws, patients);
  }
  throw new RangeError("the weights of the actions do not add up");
}
