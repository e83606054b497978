import * as v from 'valibot';
import { knownFields } from '../../plan42/fields.ts';
import { parseInstanceId } from '../../plan42/runner-headers.ts';
import { maxReportedTurns, type NetworkResponse, ReportedNetwork } from '../../plan42/turn-network.ts';
import { notFound } from '../core/errors.ts';
import { saveTurnNetwork, type TurnNetworkDeps } from '../core/turn-network.ts';
import { parseBody } from '../http/body.ts';
import { ok, type Route, route, tenantAndRunner } from '../http/route.ts';
import { runnerPath } from './runners.ts';
import { readTurn, turnPath } from './turns.ts';

const Body = knownFields({
  Turns: v.pipe(
    v.array(ReportedNetwork),
    v.maxLength(maxReportedTurns, `must have at most ${maxReportedTurns} entries`),
  ),
});

/** The calls about the networks of jobs. Only our runner reports them. */
export function turnNetworkRoutes(deps: TurnNetworkDeps): Route[] {
  const { store } = deps;
  return [
    // Not with the token of the agent, which must not write what its wall did.
    route('POST', `${runnerPath}/turn-networks`, { access: tenantAndRunner }, (request) => {
      const { Turns } = parseBody(request, Body);
      const { tenantId, runnerId } = request.params;
      const instanceId = parseInstanceId(request.headers);
      const rejected: NetworkResponse['Rejected'] = [];
      for (const { TaskId, TurnIndex, Network } of Turns) {
        const turn = store.turns.find({ TenantId: tenantId, TaskId: TaskId.toLowerCase(), TurnIndex });
        const isElsewhere =
          instanceId !== undefined && turn?.InstanceId !== undefined && turn.InstanceId !== instanceId;
        if (!turn || isElsewhere || store.turnNetworks.runnerOf(turn) !== runnerId)
          rejected.push({ TaskId, TurnIndex });
        else saveTurnNetwork(deps, turn, Network);
      }
      return ok({ Rejected: rejected } satisfies NetworkResponse);
    }),

    route('GET', `${turnPath}/network`, { access: tenantAndRunner }, ({ params, query }) => {
      const network = store.turnNetworks.find(readTurn(deps, params, query));
      if (!network) throw notFound('no runner has reported the network of the turn');
      return ok(network);
    }),
  ];
}
