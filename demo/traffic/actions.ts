// What people of the clinic do, and how often: mostly reads of few patients, some writes.
import { sizes } from "../clinic/data.ts";
import type { Draws } from "./draws.ts";

export const services = ["clinical-service", "business-service", "medication-service"] as const;
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
const day = (offset: number): string => new Date(Date.now() + offset * 86_400_000).toISOString();

/** Weights are shares of a thousand. */
export const actions: readonly Action[] = [
  get("clinical-service", 230, (draws, patients) => `/patients/${draws.zipf(patients)}`),
  get("clinical-service", 170, (draws, patients) => `/patients/${draws.zipf(patients)}/appointments`),
  get("clinical-service", 80, (draws, patients) => `/patients/${draws.zipf(patients)}/lab-orders`),
  get("clinical-service", 60, (draws) => `/appointments?locationId=${location(draws)}&from=${day(0)}&before=${day(1)}`),
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
      body: { staffId: member(draws), locationId: location(draws), startsAt: day(draws.upTo(60)), reason: "follow-up" },
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

const whole = actions.reduce((sum, { weight }) => sum + weight, 0);

export function nextRequest(draws: Draws, patients: number): Request {
  let left = draws.fraction() * whole;
  for (const { weight, make } of actions) {
    left -= weight;
    if (left < 0) return make(draws, patients);
  }
  throw new RangeError("the weights of the actions do not add up");
}
