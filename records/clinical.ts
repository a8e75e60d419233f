// clinical-service: patients, their appointments and lab orders.
import { choice, date, instant, integer, type Resource, reference, type ServiceSheet, text } from "./resource.ts";

const patients: Resource = {
  name: "patients",
  one: "patient",
  fields: {
    recordNumber: text(20, { readOnly: true }),
    givenName: text(80, { required: true }),
    familyName: text(80, { required: true }),
    birthDate: date({ required: true }),
    sex: choice(["female", "male", "other", "unknown"], { required: true }),
    phone: text(30, { nullable: true }),
    email: text(120, { nullable: true }),
    homeLocationId: reference({ required: true }),
    insuranceProviderId: reference({ nullable: true }),
    memberNumber: text(40, { nullable: true }),
  },
  filters: {
    ids: ["id", "any"],
    familyName: ["familyName", "prefix"],
    homeLocationId: ["homeLocationId", "any"],
    insuranceProviderId: ["insuranceProviderId", "any"],
  },
};

const appointments: Resource = {
  name: "appointments",
  one: "appointment",
  fields: {
    patientId: reference({ required: true }),
    staffId: reference({ required: true }),
    locationId: reference({ required: true }),
    startsAt: instant({ required: true }),
    minutes: integer(5, 480),
    status: choice(["scheduled", "confirmed", "completed", "cancelled", "no_show"]),
    reason: text(200, { required: true }),
    notes: text(2_000, { nullable: true }),
  },
  filters: {
    ids: ["id", "any"],
    patientId: ["patientId", "any"],
    staffId: ["staffId", "any"],
    locationId: ["locationId", "any"],
    status: ["status", "any"],
    from: ["startsAt", "from"],
    before: ["startsAt", "before"],
  },
  latest: "startsAt",
  under: { patients: "patientId", locations: "locationId" },
};

const labOrders: Resource = {
  name: "lab-orders",
  one: "lab order",
  fields: {
    patientId: reference({ required: true }),
    orderedById: reference({ required: true }),
    testCode: text(20, { required: true }),
    priority: choice(["routine", "urgent", "stat"]),
    status: choice(["ordered", "collected", "resulted", "cancelled"]),
    orderedAt: instant(),
    resultedAt: instant({ nullable: true }),
    result: text(2_000, { nullable: true }),
  },
  filters: {
    ids: ["id", "any"],
    patientId: ["patientId", "any"],
    orderedById: ["orderedById", "any"],
    status: ["status", "any"],
    from: ["orderedAt", "from"],
    before: ["orderedAt", "before"],
  },
  latest: "orderedAt",
  under: { patients: "patientId" },
};

export const clinical: ServiceSheet = { name: "clinical-service", resources: [patients, appointments, labOrders] };
