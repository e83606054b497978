import assert from 'node:assert/strict';
import { test } from 'node:test';
import { instanceHeader, machineHeader, machineHeaders, parseMachineHeaders, slotsHeader } from './runner-headers.ts';

const identity = {
  instanceId: '0f2504e0-4f89-41d3-9a0c-0305e82c3301',
  machine: 'büro-1',
  slots: { free: 3, max: 4, run: '1f2e3d4c', sequence: 17, reason: undefined },
};

test('what a runner says is read as it was written', () => {
  const headers = machineHeaders(identity);
  assert.equal(headers[slotsHeader], '3;max=4;run=1f2e3d4c;seq=17');
  assert.deepEqual(parseMachineHeaders(headers), identity);
  const low = { ...identity, slots: { ...identity.slots, reason: 'low-disk' as const } };
  assert.deepEqual(parseMachineHeaders(machineHeaders(low)), low);
});

test('headers that are missing or not valid say nothing', () => {
  const valid = machineHeaders(identity);
  const cases: Record<string, string | string[] | undefined>[] = [
    { [instanceHeader]: undefined },
    { [instanceHeader]: 'x' },
    { [instanceHeader]: [identity.instanceId, identity.instanceId] },
    { [machineHeader]: '' },
    { [machineHeader]: '%' },
    { [machineHeader]: '%1b[2J' },
    { [machineHeader]: '%E2%80%AEx' },
    { [machineHeader]: 'x'.repeat(256) },
    { [slotsHeader]: '3' },
    { [slotsHeader]: '-1;max=4;run=1f2e3d4c;seq=1' },
    { [slotsHeader]: '10001;max=4;run=1f2e3d4c;seq=1' },
    { [slotsHeader]: '3;max=4;run=x;seq=1' },
    { [slotsHeader]: '3;max=4;run=1f2e3d4c;seq=1;reason=other' },
  ];
  for (const changes of cases) assert.equal(parseMachineHeaders({ ...valid, ...changes }), undefined);
});
