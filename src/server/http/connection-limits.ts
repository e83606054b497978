import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { type Clock, systemClock } from '../../lib/clock.ts';
import type { Logger } from '../../lib/logger.ts';
import { isLoopback } from '../../lib/loopback.ts';

interface Connection {
  socket: Socket;
  address: string;
  /** The request that is being received or processed. */
  request: IncomingMessage | undefined;
  hadRequest: boolean;
}

// For the database, the listener, files of the web page and calls to GitHub.
const reservedFiles = 64;
const maxConnections = 10_000;
const fewFiles = 1024;
const logIntervalMs = 60_000;
const filesRemedy = 'raise ulimit -n, or LimitNOFILE of the service';

/**
 * Limits connections, so that clients that open many or never finish a request leave room for others. At a limit, a
 * connection without a complete request is closed: one that never had a request first, then the oldest.
 */
export class ConnectionLimits {
  /** Of all clients together. */
  readonly total: number;
  /** Of one client address, unless it is shared. It can be a proxy on another machine, so it is most of the total. */
  readonly perAddress: number;
  readonly #isShared: (address: string) => boolean;
  readonly #logger: Logger;
  readonly #clock: Clock;
  /** The longest idle one first. */
  readonly #connections = new Map<string, Connection>();
  readonly #counts = new Map<string, number>();
  #closed = 0;
  #loggedAt = Number.NEGATIVE_INFINITY;

  /** @param isShared whether an address is that of many clients: a reverse proxy on this machine connects from loopback */
  constructor(
    openFiles: number | undefined,
    logger: Logger,
    clock: Clock = systemClock,
    isShared: (address: string) => boolean = isLoopback,
  ) {
    this.#isShared = isShared;
    const available = (openFiles ?? Number.POSITIVE_INFINITY) - reservedFiles;
    this.total = Math.max(16, Math.min(maxConnections, available));
    this.perAddress = Math.ceil(this.total * 0.75);
    this.#logger = logger;
    this.#clock = clock;
    if (openFiles !== undefined && openFiles < fewFiles) {
      logger.warn('few open files allowed', { limit: openFiles, connections: this.total, remedy: filesRemedy });
    }
  }

  /** Applies the limits to a server that does not listen yet. */
  apply(server: Server): void {
    server.on('connection', (socket: Socket) => this.#add(socket));
    server.on('request', (request, response) => this.#track(request, response));
  }

  #add(socket: Socket): void {
    const address = addressOf(socket);
    // A client that is gone already, or was rejected.
    if (socket.destroyed || address === '') return;
    const name = nameOf(socket);
    this.#connections.set(name, { socket, address, request: undefined, hadRequest: false });
    this.#counts.set(address, (this.#counts.get(address) ?? 0) + 1);
    socket.once('close', () => this.#remove(name, address));
    const hasMost = !this.#isShared(address) && (this.#counts.get(address) ?? 0) > this.perAddress;
    if (hasMost) this.#close(this.#waiting(address, socket) ?? socket, address);
    else if (this.#connections.size > this.total) {
      const largest = this.#largest();
      const ofLargest = this.#isShared(largest) ? undefined : this.#waiting(largest, socket);
      this.#close(ofLargest ?? this.#waiting(undefined, socket) ?? socket, largest);
    }
  }

  #remove(name: string, address: string): void {
    if (!this.#connections.delete(name)) return;
    const count = (this.#counts.get(address) ?? 0) - 1;
    if (count > 0) this.#counts.set(address, count);
    else this.#counts.delete(address);
  }

  // On TLS, the socket of the request is another object than that of the connection.
  #track(request: IncomingMessage, response: ServerResponse): void {
    const name = nameOf(request.socket);
    const connection = this.#connections.get(name);
    if (connection === undefined) return;
    connection.request = request;
    connection.hadRequest = true;
    response.once('close', () => {
      if (connection.request === request) connection.request = undefined;
      if (!this.#connections.delete(name)) return;
      this.#connections.set(name, connection);
    });
  }

  /** Returns a connection that waits for its client, of one address or of all, but not the one that was just added. */
  #waiting(address: string | undefined, added: Socket): Socket | undefined {
    let oldest: Socket | undefined;
    for (const { socket, hadRequest, request, ...connection } of this.#connections.values()) {
      const isOther = address !== undefined && connection.address !== address;
      if (isOther || request?.complete || socket === added) continue;
      if (!hadRequest) return socket;
      oldest ??= socket;
    }
    return oldest;
  }

  #close(socket: Socket, largest: string): void {
    // At once, because the next client must find room.
    this.#remove(nameOf(socket), addressOf(socket));
    socket.destroy();
    this.#closed += 1;
    this.#log(largest);
  }

  #log(address: string): void {
    const now = this.#clock.now();
    if (now - this.#loggedAt < logIntervalMs) return;
    this.#loggedAt = now;
    const fields = { address, connections: this.#connections.size, limit: this.total, closed: this.#closed };
    const remedy = this.total < maxConnections ? { remedy: filesRemedy } : {};
    this.#logger.warn('too many connections, closing idle ones', { ...fields, ...remedy });
    this.#closed = 0;
  }

  /** Returns the address with the most connections. */
  #largest(): string {
    let [largest, most] = ['', 0];
    for (const [address, count] of this.#counts) if (count > most) [largest, most] = [address, count];
    return largest;
  }
}

function nameOf({ remoteAddress, remotePort, localPort }: Socket): string {
  return `${remoteAddress} ${remotePort} ${localPort}`;
}

/** A listener for both versions of IP has IPv4 addresses in a form of IPv6. */
function addressOf({ remoteAddress = '' }: Socket): string {
  return remoteAddress.replace(/^::ffff:/, '');
}
