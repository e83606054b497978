/** The bridges by which containers of docker and podman reach this machine. Linux only: elsewhere they reach loopback. */
import { endianness } from 'node:os';
import { readText } from '../../lib/read-file.ts';

export interface Bridge {
  /** The name of the network interface. */
  name: string;
  /** This machine's address on the bridge. */
  address: string;
  /** Whether an IPv4 address is one of the bridge's containers, or this machine's on it. */
  includes(address: string): boolean;
}

/** The names that docker and podman give their bridges. A bridge of any other name may be connected to a real network. */
const engineBridge = /^(docker\d+|br-[0-9a-f]{12}|podman\d+|cni-podman\d+)$/;

export async function findBridges(read = (path: string) => readText(path)): Promise<Bridge[]> {
  const routes = await read('/proc/net/route').catch(() => '');
  const subnets = parseRoutes(routes).filter(({ name }) => engineBridge.test(name));
  if (subnets.length === 0) return [];
  // Unlike os.networkInterfaces(), this has bridges that have no container at the moment.
  const own = parseLocalAddresses(await read('/proc/net/fib_trie').catch(() => ''));
  return subnets.flatMap(({ name, network, mask }) => {
    const includes = (address: string) => {
      const number = parseIpv4(address);
      return number !== undefined && (number & mask) >>> 0 === network;
    };
    const address = own.find(includes);
    return address === undefined ? [] : [{ name, address, includes }];
  });
}

interface Subnet {
  name: string;
  network: number;
  mask: number;
}

/** The routes of /proc/net/route to networks that are directly connected. */
function parseRoutes(table: string): Subnet[] {
  return table.split('\n').flatMap((line) => {
    const [name = '', destination = '', gateway = '', , , , , mask = ''] = line.split('\t');
    if (!/^0{8}$/.test(gateway) || !/^[0-9A-F]{8}$/.test(mask) || /^0{8}$/.test(mask)) return [];
    return [{ name: name.trim(), network: inHostOrder(destination), mask: inHostOrder(mask) }];
  });
}

function inHostOrder(hex: string): number {
  const bytes = Buffer.from(hex, 'hex');
  return endianness() === 'LE' ? bytes.readUInt32LE() : bytes.readUInt32BE();
}

// A line with an address, followed by what it is: "|-- 172.17.0.1" and "/32 host LOCAL".
function parseLocalAddresses(trie: string): string[] {
  const lines = trie.split('\n');
  return lines.flatMap((line, i) => {
    if (line.trim() !== '/32 host LOCAL') return [];
    const address = lines[i - 1]?.trim().split(' ').at(-1) ?? '';
    return parseIpv4(address) === undefined ? [] : [address];
  });
}

function parseIpv4(text: string): number | undefined {
  // A server that also listens on IPv6 sees IPv4 addresses in this form.
  const parts = text.replace(/^::ffff:/, '').split('.');
  if (parts.length !== 4 || !parts.every((part) => /^\d{1,3}$/.test(part) && Number(part) < 256)) return undefined;
  return Buffer.from(parts.map(Number)).readUInt32BE();
}
