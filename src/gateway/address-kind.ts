/** Which addresses are public, and what the others are. An address that no list knows is not public. */
import { type Block, contains, type IpAddress, ipv4At, parseBlock } from './ip-address.ts';

export type AddressKind =
  | 'public'
  | 'private'
  | 'loopback'
  | 'link-local'
  | 'metadata'
  | 'shared'
  | 'multicast'
  | 'unspecified'
  | 'documentation'
  | 'translated'
  | 'reserved';

/** Names the kind in a sentence: "it is …". */
export const kindNames: Record<AddressKind | 'own', string> = {
  public: 'a public address',
  private: 'a private address',
  loopback: 'a loopback address',
  'link-local': 'a link-local address',
  metadata: 'the metadata address of a cloud',
  shared: 'an address of a carrier’s or overlay network',
  multicast: 'a multicast address',
  unspecified: 'the unspecified address',
  documentation: 'an address for documentation',
  translated: 'an IPv6 address that contains an IPv4 address',
  reserved: 'a reserved address',
  own: 'an address of the runner’s machine',
};

/** The first block that contains an address counts. */
const blocks: readonly (readonly [string, AddressKind])[] = [
  // Most clouds; containers at AWS; Alibaba, Oracle, Azure; AWS and Google over IPv6.
  ['169.254.169.254/32', 'metadata'],
  ['169.254.170.2/32', 'metadata'],
  ['169.254.170.23/32', 'metadata'],
  ['100.100.100.200/32', 'metadata'],
  ['192.0.0.192/32', 'metadata'],
  ['168.63.129.16/32', 'metadata'],
  ['fd00:ec2::254/128', 'metadata'],
  ['fd20:ce::254/128', 'metadata'],
  // Registries of special-purpose addresses, RFC 6890.
  ['0.0.0.0/32', 'unspecified'],
  ['0.0.0.0/8', 'reserved'],
  ['10.0.0.0/8', 'private'],
  ['100.64.0.0/10', 'shared'],
  ['127.0.0.0/8', 'loopback'],
  ['169.254.0.0/16', 'link-local'],
  ['172.16.0.0/12', 'private'],
  ['192.0.0.0/24', 'reserved'],
  ['192.0.2.0/24', 'documentation'],
  ['192.88.99.0/24', 'translated'],
  ['192.168.0.0/16', 'private'],
  ['198.18.0.0/15', 'reserved'],
  ['198.51.100.0/24', 'documentation'],
  ['203.0.113.0/24', 'documentation'],
  ['224.0.0.0/4', 'multicast'],
  ['240.0.0.0/4', 'reserved'],
  ['0.0.0.0/0', 'public'],
  ['::/128', 'unspecified'],
  ['::1/128', 'loopback'],
  ['::ffff:0:0/96', 'translated'],
  ['::ffff:0:0:0/96', 'translated'],
  ['::/96', 'translated'],
  ['64:ff9b::/96', 'translated'],
  ['64:ff9b:1::/48', 'translated'],
  ['2001::/32', 'translated'],
  ['2002::/16', 'translated'],
  ['2001:db8::/32', 'documentation'],
  ['3fff::/20', 'documentation'],
  ['2001::/23', 'reserved'],
  ['2000::/3', 'public'],
  ['fc00::/7', 'private'],
  ['fe80::/10', 'link-local'],
  ['fec0::/10', 'private'],
  ['ff00::/8', 'multicast'],
  ['::/0', 'reserved'],
];

const parsed: readonly { block: Block; kind: AddressKind }[] = blocks.map(([text, kind]) => {
  const block = parseBlock(text);
  if (block === undefined) throw new Error(`not a block: ${text}`);
  return { block, kind };
});

export function kindOf(address: IpAddress): AddressKind {
  return parsed.find(({ block }) => contains(block, address))?.kind ?? 'reserved';
}

/** The block of the list that contains an address. */
export function blockOf(address: IpAddress): Block | undefined {
  return parsed.find(({ block }) => contains(block, address))?.block;
}

/** The IPv4 address that a translated one stands for; undefined if it stands for none that is known. */
export function embeddedIpv4(address: IpAddress): IpAddress | undefined {
  if (address.family === 4) return undefined;
  const sixToFour = parseBlock('2002::/16');
  if (sixToFour !== undefined && contains(sixToFour, address)) return ipv4At(address, 80);
  return kindOf(address) === 'translated' ? ipv4At(address, 0) : undefined;
}
