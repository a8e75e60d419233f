// Which addresses a probe may go to: public ones, and those that the integration allows. Judged when the connection is made.
import { BlockList, isIP } from "node:net";

const words: Readonly<Record<string, readonly string[]>> = {
  loopback: ["127.0.0.0/8", "::1/128"],
  private: ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7"],
};

/** Not for the internet, by the registries of special-purpose addresses (RFC 6890 and its updates). Clouds keep credentials at 169.254.169.254, and Azure more at 168.63.129.16. */
const special = [
  ...(words.loopback ?? []),
  ...(words.private ?? []),
  "0.0.0.0/8",
  "169.254.0.0/16",
  "168.63.129.16/32",
  "192.0.0.0/24",
  "192.0.2.0/24",
  "192.88.99.0/24",
  "198.18.0.0/15",
  "198.51.100.0/24",
  "203.0.113.0/24",
  "224.0.0.0/3",
  "::/128",
  "64:ff9b:1::/48",
  "100::/64",
  "2001::/23",
  "2001:db8::/32",
  "3fff::/20",
  "5f00::/16",
  "fe80::/10",
  "fec0::/10",
  "ff00::/8",
];

const refused = listOf(special);

export type MayReach = (address: string) => boolean;

/** `allow` holds networks, and the words `loopback` and `private`. */
export function reachable(allow: readonly string[]): MayReach {
  const allowed = listOf(allow.flatMap((each) => words[each] ?? [each]));
  return (address) => {
    const plain = unwrap(address);
    const family = isIP(plain) === 6 ? "ipv6" : "ipv4";
    return isIP(plain) !== 0 && (!refused.check(plain, family) || allowed.check(plain, family));
  };
}

function listOf(networks: readonly string[]): BlockList {
  const list = new BlockList();
  for (const network of networks) {
    const [base = "", bits = ""] = network.split("/");
    list.addSubnet(base, Number(bits), isIP(base) === 6 ? "ipv6" : "ipv4");
  }
  return list;
}

/** An IPv4 address in the clothes of an IPv6 one (mapped, compatible, NAT64, 6to4) counts as what it leads to. */
function unwrap(address: string): string {
  const bare = address.split("%", 1)[0] ?? "";
  if (isIP(bare) !== 6) return bare;
  const groups = expand(bare);
  const [high = 0, low = 0] = groups.slice(6);
  const embedded = groups.slice(0, 5).every((group) => group === 0) && (groups[5] === 0xffff || groups[5] === 0);
  const nat64 = groups[0] === 0x64 && groups[1] === 0xff9b && groups.slice(2, 6).every((group) => group === 0);
  if (groups[0] === 0x2002) return dotted(groups[1] ?? 0, groups[2] ?? 0);
  return (embedded && (high !== 0 || low > 1)) || nat64 ? dotted(high, low) : bare;
}

/** The eight groups of an IPv6 address. */
function expand(address: string): readonly number[] {
  const whole = address.replace(/(\d+)\.(\d+)\.(\d+)\.(\d+)$/, (_all, ...parts: string[]) => {
    const [a = 0, b = 0, c = 0, d = 0] = parts.slice(0, 4).map(Number);
    return `${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`;
  });
  const [head = "", tail] = whole.split("::", 2);
  const groups = (text = ""): readonly number[] =>
    text === "" ? [] : text.split(":").map((group) => parseInt(group, 16));
  const [left, right] = [groups(head), groups(tail)];
  return tail === undefined ? left : [...left, ...new Array(8 - left.length - right.length).fill(0), ...right];
}

const dotted = (high: number, low: number): string => [high >> 8, high & 0xff, low >> 8, low & 0xff].join(".");
