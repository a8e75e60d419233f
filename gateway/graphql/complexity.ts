// What a query could cost at most: every field is one, and all below a list counts as often as the list may be long.
import { type DocumentNode, type FieldNode, Kind, type SelectionSetNode, valueFromASTUntyped } from "graphql";
import { defaultPerList, mostPerList, patientLists } from "./schema.ts";

export const mostComplexity = 10_000;

const lists = new Set<string>(["patients", ...Object.keys(patientLists)]);

/** Of the whole document; what cannot be known counts as much as it can be. Stops counting when it is too much. */
export function complexityOf(document: DocumentNode, variables: Readonly<Record<string, unknown>>): number {
  const fragments = new Map(
    document.definitions.flatMap((each) => (each.kind === Kind.FRAGMENT_DEFINITION ? [[each.name.value, each]] : [])),
  );
  const known = new Map<string, number>();
  const costOf = ({ selections }: SelectionSetNode): number => {
    let sum = 0;
    for (const selection of selections) {
      if (selection.kind === Kind.FIELD) {
        const below = selection.selectionSet === undefined ? 0 : costOf(selection.selectionSet);
        sum += 1 + below * timesOf(selection);
      } else if (selection.kind === Kind.INLINE_FRAGMENT) sum += costOf(selection.selectionSet);
      else {
        // A fragment is valid by now, so it does not contain itself; spread often, it is counted once.
        const { value: name } = selection.name;
        const fragment = fragments.get(name);
        const cost = known.get(name) ?? (fragment === undefined ? 0 : costOf(fragment.selectionSet));
        known.set(name, cost);
        sum += cost;
      }
      if (sum > mostComplexity) return sum;
    }
    return sum;
  };
  const timesOf = (field: FieldNode): number => {
    if (!lists.has(field.name.value)) return 1;
    const given = field.arguments?.find(({ name }) => name.value === "limit");
    if (given === undefined) return defaultPerList;
    const limit = valueFromASTUntyped(given.value, variables);
    return typeof limit === "number" && limit > 0 ? Math.min(limit, mostPerList) : mostPerList;
  };
  return document.definitions.reduce(
    (sum, each) => sum + (each.kind === Kind.OPERATION_DEFINITION ? costOf(each.selectionSet) : 0),
    0,
  );
}
