import { formatHostPort } from '../../lib/host-port.ts';
import type { TaskDocument } from '../../plan42/page-objects.ts';
import {
  hostsInOrder,
  isExcluded,
  missingEntry,
  type NetworkHost,
  type TurnNetwork,
} from '../../plan42/turn-network.ts';
import { networkTitle, transferred } from '../network.ts';
import { AllowHost } from './allow-host.tsx';
import { State } from './parts.tsx';

interface TurnNetworkProps {
  network: TurnNetwork;
  environment: TaskDocument['Environment'];
  /** Called when a host was added to the environment. */
  onChange: () => void;
}

/** The hosts that the job of a turn reached and was refused, with what would allow them. */
export function TurnNetworkView({ network, environment, onChange }: TurnNetworkProps) {
  const { Mode, Notes, Hosts, OtherAllowed, OtherRefused, IsFinal } = network;
  const others = OtherAllowed + OtherRefused;
  return (
    <details class="network" open={Notes.length > 0 || Hosts.some(({ Verdict }) => Verdict === 'Refused')}>
      <summary>{networkTitle(network)}</summary>
      {Mode === 'None' ? <p class="quiet">The agent could reach every host that its machine reaches.</p> : null}
      {Mode === 'Observe' ? <p class="quiet">The runner only observed: every public host was allowed.</p> : null}
      {Notes.map((note) => (
        <p key={note}>{note}</p>
      ))}
      {Hosts.length > 0 ? (
        <table>
          <caption class="hidden">Hosts</caption>
          <thead>
            <tr>
              <th scope="col">Host</th>
              <th scope="col" class="number">
                Connections
              </th>
            </tr>
          </thead>
          <tbody>
            {hostsInOrder(Hosts).map((host) => (
              <HostRow
                key={`${host.Verdict} ${host.Code} ${host.Rule} ${host.Host}:${host.Port}`}
                host={host}
                environment={environment}
                onChange={onChange}
              />
            ))}
          </tbody>
        </table>
      ) : null}
      {others > 0 ? (
        <p class="quiet">
          {others} connections to further hosts, of which {OtherRefused} were refused.
        </p>
      ) : null}
      {Mode !== 'None' && Hosts.length === 0 && IsFinal ? <p class="quiet">It connected to no host.</p> : null}
    </details>
  );
}

const tones = { Refused: 'Failed', Observed: 'Draining', Allowed: 'Done' } as const;

function HostRow({ host, environment, onChange }: { host: NetworkHost } & Omit<TurnNetworkProps, 'network'>) {
  const { Host, Port, Verdict, Rule, Remedy, Count } = host;
  const entry = missingEntry(host);
  const isEditable = environment !== undefined && !environment.Deleted;
  return (
    <tr>
      <th scope="row">
        <div>
          <State name={tones[Verdict]}>{Verdict}</State> <code>{formatHostPort(Host, Port)}</code>
        </div>
        <div class="quiet">
          {Rule}
          {Verdict === 'Allowed' ? `, ${transferred(host) || 'no data'}` : `. ${Remedy}`}
        </div>
        {entry !== undefined && isEditable ? (
          <AllowHost entry={entry} environment={environment} isExcluded={isExcluded(host)} onDone={onChange} />
        ) : null}
      </th>
      <td class="number">{Count.toLocaleString('en-US')}</td>
    </tr>
  );
}
