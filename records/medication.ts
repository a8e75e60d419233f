// medication-service: what is prescribed, per patient.
import { choice, date, integer, type Resource, reference, type ServiceSheet, text } from "./resource.ts";

const medications: Resource = {
  name: "medications",
  one: "medication",
  fields: {
    patientId: reference({ required: true }),
    prescriberId: reference({ required: true }),
    name: text(120, { required: true }),
    dose: text(60, { required: true }),
    frequency: text(60, { required: true }),
    status: choice(["active", "paused", "stopped"]),
    refillsLeft: integer(0, 99),
    startedOn: date({ required: true }),
    endedOn: date({ nullable: true }),
  },
  filters: {
    ids: ["id", "any"],
    patientId: ["patientId", "any"],
    prescriberId: ["prescriberId", "any"],
    status: ["status", "any"],
  },
  under: { patients: "patientId" },
};

export const medication: ServiceSheet = { name: "medication-service", resources: [medications] };
