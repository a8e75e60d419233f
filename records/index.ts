// The records of the clinic, by the service that keeps them.
import { business } from "./business.ts";
import { clinical } from "./clinical.ts";
import { medication } from "./medication.ts";
import type { ServiceSheet } from "./resource.ts";

export const sheets: readonly ServiceSheet[] = [clinical, business, medication];
