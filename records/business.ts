// business-service: locations with their staff and inventory, insurance providers, authorizations.
import { choice, date, flag, integer, type Resource, reference, type ServiceSheet, text } from "./resource.ts";

const locations: Resource = {
  name: "locations",
  one: "location",
  fields: {
    name: text(80, { required: true }),
    kind: choice(["clinic", "laboratory", "imaging", "pharmacy"], { required: true }),
    street: text(120, { required: true }),
    city: text(80, { required: true }),
    phone: text(30, { required: true }),
    rooms: integer(1, 1_000),
    active: flag(),
  },
  filters: { ids: ["id", "any"], kind: ["kind", "any"], active: ["active", "any"] },
};

const staff: Resource = {
  name: "staff",
  one: "member of staff",
  fields: {
    locationId: reference({ required: true }),
    givenName: text(80, { required: true }),
    familyName: text(80, { required: true }),
    role: choice(["physician", "nurse", "technician", "pharmacist", "administrator"], { required: true }),
    email: text(120, { required: true }),
    active: flag(),
  },
  filters: { ids: ["id", "any"], locationId: ["locationId", "any"], role: ["role", "any"], active: ["active", "any"] },
  under: { locations: "locationId" },
};

const inventory: Resource = {
  name: "inventory",
  one: "inventory item",
  fields: {
    locationId: reference({ required: true }),
    itemCode: text(40, { required: true }),
    name: text(120, { required: true }),
    unit: choice(["piece", "box", "vial", "litre"], { required: true }),
    quantity: integer(0, 1_000_000, { required: true }),
    reorderLevel: integer(0, 1_000_000),
  },
  filters: { ids: ["id", "any"], locationId: ["locationId", "any"], itemCode: ["itemCode", "any"] },
  under: { locations: "locationId" },
};

const insuranceProviders: Resource = {
  name: "insurance-providers",
  one: "insurance provider",
  fields: {
    name: text(120, { required: true }),
    planKind: choice(["ppo", "hmo", "epo", "public"], { required: true }),
    phone: text(30, { required: true }),
    needsAuthorization: flag(),
    active: flag(),
  },
  filters: { ids: ["id", "any"], planKind: ["planKind", "any"], active: ["active", "any"] },
};

const authorizations: Resource = {
  name: "authorizations",
  one: "authorization",
  fields: {
    patientId: reference({ required: true }),
    insuranceProviderId: reference({ required: true }),
    serviceCode: text(40, { required: true }),
    status: choice(["requested", "approved", "denied", "expired"]),
    units: integer(1, 999),
    requestedOn: date(),
    expiresOn: date({ nullable: true }),
  },
  filters: {
    ids: ["id", "any"],
    patientId: ["patientId", "any"],
    insuranceProviderId: ["insuranceProviderId", "any"],
    status: ["status", "any"],
  },
  under: { patients: "patientId", "insurance-providers": "insuranceProviderId" },
};

export const business: ServiceSheet = {
  name: "business-service",
  resources: [locations, staff, inventory, insuranceProviders, authorizations],
};
