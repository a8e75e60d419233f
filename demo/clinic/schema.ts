// The clinic's tables, keys and indexes. Every statement may run again on a database that has it already.

/** Tables without foreign keys and secondary indexes: those come after the data, which is many times faster. */
export const tables = `
CREATE SCHEMA IF NOT EXISTS clinic;

CREATE TABLE IF NOT EXISTS clinic.seed (
  only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  patients integer NOT NULL CHECK (patients >= 0),
  as_of date NOT NULL,
  seeded_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE IF NOT EXISTS clinic.locations (
  id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name text NOT NULL UNIQUE,
  kind text NOT NULL CHECK (kind IN ('clinic', 'laboratory', 'imaging', 'pharmacy')),
  street text NOT NULL,
  city text NOT NULL,
  phone text NOT NULL,
  rooms integer NOT NULL DEFAULT 1 CHECK (rooms > 0),
  active boolean NOT NULL DEFAULT true,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE IF NOT EXISTS clinic.staff (
  id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  location_id integer NOT NULL,
  given_name text NOT NULL,
  family_name text NOT NULL,
  role text NOT NULL CHECK (role IN ('physician', 'nurse', 'technician', 'pharmacist', 'administrator')),
  email text NOT NULL,
  active boolean NOT NULL DEFAULT true,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE IF NOT EXISTS clinic.insurance_providers (
  id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name text NOT NULL UNIQUE,
  plan_kind text NOT NULL CHECK (plan_kind IN ('ppo', 'hmo', 'epo', 'public')),
  phone text NOT NULL,
  needs_authorization boolean NOT NULL DEFAULT false,
  active boolean NOT NULL DEFAULT true,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE IF NOT EXISTS clinic.inventory (
  id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  location_id integer NOT NULL,
  item_code text NOT NULL,
  name text NOT NULL,
  unit text NOT NULL CHECK (unit IN ('piece', 'box', 'vial', 'litre')),
  quantity integer NOT NULL CHECK (quantity >= 0),
  reorder_level integer NOT NULL DEFAULT 0 CHECK (reorder_level >= 0),
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  UNIQUE (location_id, item_code)
);

CREATE TABLE IF NOT EXISTS clinic.patients (
  id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  record_number text GENERATED ALWAYS AS ('DEMO-' || lpad(id::text, 8, '0')) STORED UNIQUE,
  given_name text NOT NULL,
  family_name text NOT NULL,
  birth_date date NOT NULL,
  sex text NOT NULL CHECK (sex IN ('female', 'male', 'other', 'unknown')),
  phone text,
  email text,
  home_location_id integer NOT NULL,
  insurance_provider_id integer,
  member_number text,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE IF NOT EXISTS clinic.appointments (
  id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  patient_id integer NOT NULL,
  staff_id integer NOT NULL,
  location_id integer NOT NULL,
  starts_at timestamptz NOT NULL,
  minutes integer NOT NULL DEFAULT 30 CHECK (minutes BETWEEN 5 AND 480),
  status text NOT NULL DEFAULT 'scheduled' CHECK (status IN ('scheduled', 'confirmed', 'completed', 'cancelled', 'no_show')),
  reason text NOT NULL,
  notes text,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE IF NOT EXISTS clinic.medications (
  id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  patient_id integer NOT NULL,
  prescriber_id integer NOT NULL,
  name text NOT NULL,
  dose text NOT NULL,
  frequency text NOT NULL,
  status text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'paused', 'stopped')),
  refills_left integer NOT NULL DEFAULT 0 CHECK (refills_left BETWEEN 0 AND 99),
  started_on date NOT NULL,
  ended_on date CHECK (ended_on >= started_on),
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE IF NOT EXISTS clinic.lab_orders (
  id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  patient_id integer NOT NULL,
  ordered_by_id integer NOT NULL,
  test_code text NOT NULL,
  priority text NOT NULL DEFAULT 'routine' CHECK (priority IN ('routine', 'urgent', 'stat')),
  status text NOT NULL DEFAULT 'ordered' CHECK (status IN ('ordered', 'collected', 'resulted', 'cancelled')),
  ordered_at timestamptz NOT NULL DEFAULT now(),
  resulted_at timestamptz,
  result text,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE IF NOT EXISTS clinic.authorizations (
  id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  patient_id integer NOT NULL,
  insurance_provider_id integer NOT NULL,
  service_code text NOT NULL,
  status text NOT NULL DEFAULT 'requested' CHECK (status IN ('requested', 'approved', 'denied', 'expired')),
  units integer NOT NULL DEFAULT 1 CHECK (units BETWEEN 1 AND 999),
  requested_on date NOT NULL DEFAULT current_date,
  expires_on date CHECK (expires_on >= requested_on),
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
);
`;

/** [table, column, table that it refers to] */
const foreignKeys = [
  ["staff", "location_id", "locations"],
  ["inventory", "location_id", "locations"],
  ["patients", "home_location_id", "locations"],
  ["patients", "insurance_provider_id", "insurance_providers"],
  ["appointments", "patient_id", "patients"],
  ["appointments", "staff_id", "staff"],
  ["appointments", "location_id", "locations"],
  ["medications", "patient_id", "patients"],
  ["medications", "prescriber_id", "staff"],
  ["lab_orders", "patient_id", "patients"],
  ["lab_orders", "ordered_by_id", "staff"],
  ["authorizations", "patient_id", "patients"],
  ["authorizations", "insurance_provider_id", "insurance_providers"],
] as const;

/** [table, columns]: each foreign key, and each list and filter of the services in its own order, is served by one of them. */
const indexes = [
  ["staff", "location_id, id"],
  ["staff", "role, id"],
  ["patients", "home_location_id, id"],
  ["patients", "insurance_provider_id, id"],
  ["patients", "lower(family_name) text_pattern_ops, id"],
  ["appointments", "starts_at DESC, id DESC"],
  ["appointments", "patient_id, starts_at DESC, id DESC"],
  ["appointments", "location_id, starts_at DESC, id DESC"],
  ["appointments", "staff_id, starts_at DESC, id DESC"],
  ["appointments", "status, starts_at DESC, id DESC"],
  ["medications", "patient_id, id"],
  ["medications", "prescriber_id, id"],
  ["medications", "status, id"],
  ["lab_orders", "ordered_at DESC, id DESC"],
  ["lab_orders", "patient_id, ordered_at DESC, id DESC"],
  ["lab_orders", "ordered_by_id, ordered_at DESC, id DESC"],
  ["lab_orders", "status, ordered_at DESC, id DESC"],
  ["authorizations", "patient_id, id"],
  ["authorizations", "insurance_provider_id, id"],
  ["authorizations", "status, id"],
] as const;

const indexName = (table: string, columns: string): string =>
  `${table}_${columns.replaceAll(/ DESC| text_pattern_ops/g, "").replaceAll(/\W+/g, "_")}_index`;

export const keysAndIndexes = [
  ...foreignKeys.map(
    ([table, column, other]) => `
DO $$ BEGIN
  IF NOT EXISTS (SELECT FROM pg_constraint WHERE conname = '${table}_${column}_key_of_${other}' AND connamespace = 'clinic'::regnamespace) THEN
    ALTER TABLE clinic.${table} ADD CONSTRAINT ${table}_${column}_key_of_${other} FOREIGN KEY (${column}) REFERENCES clinic.${other};
  END IF;
END $$;`,
  ),
  ...indexes.map(
    ([table, columns]) => `CREATE INDEX IF NOT EXISTS ${indexName(table, columns)} ON clinic.${table} (${columns});`,
  ),
].join("\n");

/** The tables that the services read and write. */
export const clinicTables = [
  "locations",
  "staff",
  "insurance_providers",
  "inventory",
  "patients",
  "appointments",
  "medications",
  "lab_orders",
  "authorizations",
] as const;
