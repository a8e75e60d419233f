// What is wrong with a variable, in the schema's own words: neither values nor names of fields that a caller gave are repeated.
import {
  type GraphQLInputType,
  type GraphQLSchema,
  isInputObjectType,
  isLeafType,
  isNonNullType,
  isRequiredInputField,
  type NamedTypeNode,
  print,
  typeFromAST,
  type VariableDefinitionNode,
} from "graphql";

export type Values = Readonly<Record<string, unknown>>;

/** `names`: whether it may tell of the schema what the document does not. */
export function faultOf(
  { variable, type }: VariableDefinitionNode,
  values: Values,
  schema: GraphQLSchema,
  names: boolean,
): string {
  const name = variable.name.value;
  const known = typeFromAST(schema, type as NamedTypeNode) as GraphQLInputType | undefined;
  const faults = names && known !== undefined ? faultsOf(values[name], known, name) : [];
  return `Variable "$${name}" is not of type "${print(type)}"${faults.length === 0 ? "" : `: ${faults.join(", ")}`}.`;
}

function faultsOf(value: unknown, type: GraphQLInputType, at: string): readonly string[] {
  if (value === undefined || value === null) return isNonNullType(type) ? [`"${at}" is missing`] : [];
  if (isNonNullType(type)) return faultsOf(value, type.ofType, at);
  const misfit = [`"${at}" is no ${type}`];
  if (isLeafType(type)) return fits(() => type.parseValue(value)) ? [] : misfit;
  if (!isInputObjectType(type)) return [];
  if (typeof value !== "object" || Array.isArray(value)) return misfit;
  const [given, fields] = [value as Values, type.getFields()];
  return [
    ...Object.values(fields)
      .filter((field) => given[field.name] !== undefined || isRequiredInputField(field))
      .flatMap((field) => faultsOf(given[field.name], field.type, `${at}.${field.name}`)),
    ...(Object.keys(given).every((name) => name in fields) ? [] : [`"${at}" has fields that ${type} has not`]),
  ];
}

function fits(parse: () => unknown): boolean {
  try {
    return parse() !== undefined;
  } catch {
    return false;
  }
}
