// Synthetic rows as INSERT ... SELECT: each value is a hash of the row's number, so the same size and day give the same data.
// Names, phone numbers (555-01xx), mail addresses (.example) and record numbers are of kinds that cannot belong to anyone.

export const sizes = { locations: 24, staffPerLocation: 12, itemsPerLocation: 25, insuranceProviders: 12 } as const;

const givenNames = [
  "Sample",
  "Example",
  "Demo",
  "Testa",
  "Specima",
  "Fixture",
  "Mocka",
  "Prototyp",
  "Template",
  "Synthia",
  "Fable",
  "Fictiona",
];
const familyNames = [
  "Testperson",
  "Demofield",
  "Exampleton",
  "Samplewood",
  "Mockford",
  "Placeholder",
  "Syntheson",
  "Fixtureby",
];
const cities = ["Exampleville", "Demo Springs", "Port Sample", "Test Harbor", "Mock Valley", "Fixture Falls"];
const items = [
  "Nitrile gloves",
  "Syringe 5 ml",
  "Gauze pad",
  "Face mask",
  "Blood tube",
  "Swab kit",
  "Saline",
  "Bandage",
  "Alcohol wipe",
  "Test strip",
];
const drugs = [
  "Demozepam",
  "Examplicillin",
  "Placebol",
  "Testostatin",
  "Samplafen",
  "Mockformin",
  "Fixturol",
  "Synthoprazole",
];
const reasons = [
  "annual check",
  "follow-up",
  "vaccination",
  "lab review",
  "imaging",
  "consultation",
  "medication review",
  "blood pressure check",
];
const labTests = ["CBC", "BMP", "LIPID", "A1C", "TSH", "UA", "CRP", "VITD"];
const services = ["IMG-MRI", "IMG-CT", "LAB-GEN", "PT-10", "SPEC-VISIT", "SLEEP-STUDY"];

let salts = 0;
/** SQL for a whole number from 0 to below `count` that depends on the row's number and on the place in this file alone. */
const draw = (number: string, count: number): string =>
  `((hashint8extended(${number}, ${++salts}) & 2147483647) % ${count})::integer`;
const pick = (number: string, values: readonly string[]): string =>
  `(ARRAY[${values.map((value) => `'${value}'`).join(",")}])[1 + ${draw(number, values.length)}]`;
/** One of `values`, each as often as its weight says. */
const weighted = (number: string, values: Readonly<Record<string, number>>): string =>
  pick(
    number,
    Object.entries(values).flatMap(([value, weight]) => Array.from({ length: weight }, () => value)),
  );
const phone = (number: string): string => `'+1-555-01' || lpad(${draw(number, 100)}::text, 2, '0')`;

/** The clinic without its patients. Runs once. */
export const referenceData: readonly string[] = [
  `INSERT INTO clinic.locations (name, kind, street, city, phone, rooms)
   SELECT 'Demo Location ' || lpad(n::text, 2, '0'), ${weighted("n", { clinic: 5, laboratory: 1, imaging: 1, pharmacy: 1 })},
          (100 + ${draw("n", 900)}) || ' Example Street', ${pick("n", cities)}, ${phone("n")}, 4 + ${draw("n", 20)}
   FROM generate_series(1, ${sizes.locations}) AS n`,
  `INSERT INTO clinic.staff (location_id, given_name, family_name, role, email)
   SELECT 1 + (n - 1) % ${sizes.locations}, ${pick("n", givenNames)}, 'Staffer-' || lpad(n::text, 4, '0'),
          ${weighted("n", { physician: 4, nurse: 4, technician: 2, pharmacist: 1, administrator: 1 })}, 'staff-' || n || '@clinic.example'
   FROM generate_series(1, ${sizes.locations * sizes.staffPerLocation}) AS n`,
  `INSERT INTO clinic.insurance_providers (name, plan_kind, phone, needs_authorization)
   SELECT 'Demo Mutual ' || lpad(n::text, 2, '0'), ${pick("n", ["ppo", "hmo", "epo", "public"])}, ${phone("n")}, ${draw("n", 3)} = 0
   FROM generate_series(1, ${sizes.insuranceProviders}) AS n`,
  `INSERT INTO clinic.inventory (location_id, item_code, name, unit, quantity, reorder_level)
   SELECT 1 + (n - 1) % ${sizes.locations}, 'ITEM-' || lpad((1 + (n - 1) / ${sizes.locations})::text, 3, '0'), ${pick("n", items)},
          ${pick("n", ["piece", "box", "vial", "litre"])}, 20 + ${draw("n", 480)}, 10 + ${draw("n", 40)}
   FROM generate_series(1, ${sizes.locations * sizes.itemsPerLocation}) AS n`,
];

/**
 * Patients number $1 to $2 as of day $3, kept with their numbers in a table of this transaction: their ids come from the
 * sequence, because the services may have added patients since.
 */
export const patientData = {
  numbered: "CREATE TEMPORARY TABLE new_patients (n bigint, id integer) ON COMMIT DROP",
  insert: `
   WITH added AS (
     INSERT INTO clinic.patients (given_name, family_name, birth_date, sex, phone, email, home_location_id, insurance_provider_id, member_number)
     SELECT ${pick("n", givenNames)}, ${pick("n", familyNames)} || '-' || lpad(n::text, 6, '0'), $3::date - 365 - ${draw("n", 33_000)},
            ${weighted("n", { female: 10, male: 10, other: 1, unknown: 1 })}, ${phone("n")}, 'patient-' || n || '@patients.example',
            1 + ${draw("n", sizes.locations)}, CASE WHEN ${draw("n", 20)} > 0 THEN 1 + ${draw("n", sizes.insuranceProviders)} END, 'MEMBER-' || lpad(n::text, 8, '0')
     FROM generate_series($1::bigint, $2::bigint) AS n ORDER BY n
     RETURNING id)
   INSERT INTO new_patients SELECT $1::bigint - 1 + row_number() OVER (ORDER BY id), id FROM added`,
  analyze: "ANALYZE new_patients",
} as const;

const slot = (number: string, day: string): string =>
  `(${day} + time '08:00' + ${draw(number, 40)} * interval '15 minutes') AT TIME ZONE 'UTC'`;
/** Rows `low` to `high` for each new patient; `x.n` numbers the rows. */
const perPatient = (low: number, high: number): string => `
   FROM new_patients AS p CROSS JOIN LATERAL (
     SELECT p.n * 64 + k AS n FROM generate_series(1, ${low} + ${draw("p.n", high - low + 1)}) AS k) AS x
   ORDER BY p.n, x.n`;

/** What belongs to the new patients; $1 is the day. At least ten appointments per patient on average. */
export const recordData: readonly string[] = [
  `INSERT INTO clinic.appointments (patient_id, staff_id, location_id, starts_at, minutes, status, reason, notes)
   SELECT patient_id, location_id + ${sizes.locations} * ${draw("n", sizes.staffPerLocation)}, location_id, ${slot("n", "day")}, 15 * (1 + ${draw("n", 4)}),
          CASE WHEN day < $1::date THEN ${weighted("n", { completed: 17, cancelled: 2, no_show: 1 })} ELSE ${pick("n", ["scheduled", "confirmed"])} END,
          ${pick("n", reasons)}, CASE WHEN ${draw("n", 4)} = 0 THEN 'Synthetic note ' || n END
   FROM (SELECT p.id AS patient_id, x.n, 1 + ${draw("x.n", sizes.locations)} AS location_id, $1::date - 640 + ${draw("x.n", 730)} AS day ${perPatient(6, 15)}) AS visit`,
  `INSERT INTO clinic.medications (patient_id, prescriber_id, name, dose, frequency, status, refills_left, started_on)
   SELECT p.id, 1 + ${draw("x.n", sizes.locations * sizes.staffPerLocation)}, ${pick("x.n", drugs)}, ${pick("x.n", ["5 mg", "10 mg", "20 mg", "50 mg"])},
          ${pick("x.n", ["once daily", "twice daily", "as needed", "weekly"])}, ${weighted("x.n", { active: 6, paused: 1, stopped: 3 })}, ${draw("x.n", 6)}, $1::date - ${draw("x.n", 700)}
   ${perPatient(1, 5)}`,
  `INSERT INTO clinic.lab_orders (patient_id, ordered_by_id, test_code, priority, status, ordered_at, resulted_at, result)
   SELECT patient_id, ordered_by_id, test_code, priority, CASE WHEN done THEN 'resulted' ELSE 'ordered' END, at,
          CASE WHEN done THEN at + interval '1 day' END, CASE WHEN done THEN 'Synthetic result ' || n END
   FROM (SELECT p.id AS patient_id, x.n, 1 + ${draw("x.n", sizes.locations * sizes.staffPerLocation)} AS ordered_by_id, ${pick("x.n", labTests)} AS test_code,
                ${weighted("x.n", { routine: 8, urgent: 2, stat: 1 })} AS priority, ${draw("x.n", 5)} > 0 AS done, ${slot("x.n", `($1::date - 2 - ${draw("x.n", 600)})`)} AS at
         ${perPatient(1, 5)}) AS ordered`,
  `INSERT INTO clinic.authorizations (patient_id, insurance_provider_id, service_code, status, units, requested_on, expires_on)
   SELECT patient_id, 1 + ${draw("n", sizes.insuranceProviders)}, ${pick("n", services)}, ${weighted("n", { approved: 6, requested: 2, denied: 1, expired: 1 })},
          1 + ${draw("n", 12)}, day, day + 180
   FROM (SELECT p.id AS patient_id, x.n, $1::date - ${draw("x.n", 400)} AS day ${perPatient(0, 2)}) AS asked`,
];
