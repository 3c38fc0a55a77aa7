// A person and an admin, from wages to the bank account, with the SDK alone. Paystack
// is a fake that the test commands beside the server.
import assert from 'node:assert/strict';
import test from 'node:test';
import {
  Events, admin, advance, eventually, fundGeneral, join, joinSpeaker, newID, password, refused, upload, voice, vote, wallet,
} from './kit.mjs';

const code = 'ha';
const earned = 15_000;
const limits = {
  minimum_minor: 1000, auto_limit_minor: 3000, high_limit_minor: 9000, day_limit_minor: 100_000,
  hour_ceiling_minor: 1_000_000, day_ceiling_minor: 1_000_000,
};
const superuser = await admin();
const policy = (values) => superuser.collection('policies').create({
  subject: 'payouts', values: { enabled: true, request_hours: 0, NGN: limits, ...values },
});

/** Commands the fake Paystack. */
async function bank(path, body) {
  const answer = await fetch(process.env.E2E_PAYSTACK + path, body && { method: 'POST', body: JSON.stringify(body) });
  assert.equal(answer.status, 200, path);
  return answer.json();
}

const verifies = async (payout) => (await bank('/_fake/requests'))
  .filter((request) => request.op === 'transfer.verify' && request.reference === payout.reference).length;
const transferOf = async (payout) => (await bank('/_fake/state')).transfers
  .find((transfer) => transfer.reference === payout.reference);

async function confirmed(pb, purpose) {
  const { data } = await pb.send('/api/lingualink/confirm', { method: 'POST', body: { purpose, password } });
  return { 'X-Confirmation': data.confirmation };
}

/** Enters a bank account; the digits at the end decide whose it is. */
async function enterAccount(person, legalName, number) {
  const profile = await person.pb.collection('private_profiles').getFirstListItem('');
  await person.pb.collection('private_profiles').update(profile.id, { legal_name: legalName });
  const { data } = await person.pb.send('/api/lingualink/payout-accounts', {
    method: 'POST', headers: await confirmed(person.pb, 'payout_account'),
    body: { country: 'NG', currency: 'NGN', bank_code: '058', account_number: number },
  });
  return data;
}

async function request(person, account, amount, key = newID()) {
  const { data } = await person.pb.send('/api/lingualink/payouts', {
    method: 'POST', headers: { 'Idempotency-Key': key }, body: { amount_minor: amount, currency: 'NGN', account: account.id },
  });
  return data;
}

const heard = async (person) => {
  const events = new Events();
  await person.pb.collection('payouts').subscribe('*', events.add);
  return {
    events,
    until: async (payout, status) => (await events.until(
      (event) => event.record.id === payout.id && event.record.status === status, `payout ${payout.id} is ${status}`)).record,
  };
};

await policy();
await fundGeneral(1_000_000);
await bank('/_fake/fund', { currency: 'NGN', amount: 100_000_000 });
const [ada, bola] = await Promise.all(['ada.payouts', 'bola.payouts'].map((name) => joinSpeaker(name, code)));
const validators = await Promise.all([1, 2, 3].map((n) => join(`validator${n}.payouts`, code)));
for (const [number, person] of [[29, ada], [30, bola]]) {
  await vote(validators, await upload(person, voice(number), code), code);
}
advance(169 * 3600); // the hold of rewards
await eventually(() => Promise.all([ada, bola].map(wallet)), (wallets) => wallets.every((w) => w.available_minor === earned), 'the wages are available');
const accounts = { ada: await enterAccount(ada, 'Ada Adeyemi', '0123456700'), bola: await enterAccount(bola, 'Bisi Bello', '0123456711') };
const listening = { ada: await heard(ada), bola: await heard(bola) };

test('a bank account is confirmed, named by the bank and its number forgotten', async () => {
  const stored = await ada.pb.collection('payout_accounts').getOne(accounts.ada.id);
  assert.equal(stored.resolved_name, 'ADA ADEYEMI');
  assert.equal(stored.last4, '6700');
  assert.ok(!JSON.stringify(stored).includes('0123456700') && !('recipient_code' in stored));
  const body = { country: 'NG', currency: 'NGN', bank_code: '058', account_number: '0123456722' };
  const send = (headers) => ada.pb.send('/api/lingualink/payout-accounts', { method: 'POST', headers, body });
  await refused(send({}), 403, 'confirmation_required');
  await refused(send(await confirmed(ada.pb, 'payout_account')), 400, 'name_mismatch');
  await assert.rejects(bola.pb.collection('payout_accounts').getOne(accounts.ada.id), { status: 404 });
});

test('a small payout goes to the bank by itself, and the person hears of every step', async () => {
  const key = newID();
  const payout = await request(ada, accounts.ada, 2000, key);
  assert.equal((await request(ada, accounts.ada, 2000, key)).id, payout.id, 'a repeat is the same payout');
  await refused(request(ada, accounts.ada, 2500, key), 409, 'idempotency_conflict');
  const paid = await listening.ada.until(payout, 'paid');
  const steps = listening.ada.events.seen.filter((event) => event.record.id === payout.id).map((event) => event.record.status);
  assert.deepEqual([...new Set(steps)], ['scheduled', 'on_its_way', 'paid']);
  assert.notEqual(paid.session_id, '');
  assert.ok(!('state' in paid) && !('recipient_code' in paid));
  const { available_minor, held_minor, paid_minor } = await wallet(ada);
  assert.deepEqual({ available_minor, held_minor, paid_minor }, { available_minor: earned - 2000, held_minor: 0, paid_minor: 2000 });
  assert.equal((await transferOf(payout)).successes, 1);
  assert.ok(listening.bola.events.seen.every((event) => event.record.user === bola.id), 'nobody hears of others');
});

test('one that waits for approval is taken back, another is approved', async () => {
  const regretted = await request(ada, accounts.ada, 4000);
  assert.equal(regretted.status, 'checking');
  await refused(request(ada, accounts.ada, 1000), 409, 'payout_open');
  assert.equal((await wallet(ada)).held_minor, 4000);
  await ada.pb.send(`/api/lingualink/payouts/${regretted.id}/cancel`, { method: 'POST' });
  await listening.ada.until(regretted, 'cancelled');
  assert.equal((await wallet(ada)).held_minor, 0);

  const payout = await request(ada, accounts.ada, 5000);
  await listening.ada.until(payout, 'checking');
  const waiting = (await superuser.send('/api/lingualink/payouts/review', {})).data.payouts.find((item) => item.payout.id === payout.id);
  assert.equal(waiting.needs, 1);
  assert.equal(waiting.you, '');
  const approve = (headers) => superuser.send(`/api/lingualink/payouts/${payout.id}/approve`, { method: 'POST', headers });
  await refused(approve({}), 403, 'confirmation_required');
  const { data } = await approve(await confirmed(superuser, 'payout_approve'));
  assert.equal(data.payout.status, 'scheduled');
  await listening.ada.until(payout, 'paid');
  await refused(ada.pb.send(`/api/lingualink/payouts/${payout.id}/cancel`, { method: 'POST' }), 409, 'payout_state');
  assert.equal(await transferOf(regretted), undefined);
});

test('the kill switch stops what is not sent, and nothing else', async () => {
  await bank('/_fake/script', { reference: '', steps: [{ after_s: 0, status: 'pending' }] });
  const slow = await request(bola, accounts.bola, 2000);
  await listening.bola.until(slow, 'on_its_way');
  await policy({ enabled: false });
  const kept = await request(ada, accounts.ada, 2500);
  await listening.ada.until(kept, 'scheduled');
  // Between two questions about the other payout lies a turn of whoever sends.
  for (const event of ['transfer.failed', 'transfer.success']) {
    const before = await verifies(slow);
    await bank('/_fake/emit', { event, reference: slow.reference });
    await eventually(() => verifies(slow), (now) => now > before, 'Paystack is asked');
  }
  assert.equal(await transferOf(kept), undefined, 'nothing is sent');
  assert.equal((await ada.pb.collection('payouts').getOne(kept.id)).status, 'scheduled');
  await bank('/_fake/status', { reference: slow.reference, status: 'success' });
  await listening.bola.until(slow, 'paid');

  await bank('/_fake/script', { reference: '', steps: [{ after_s: 0, status: 'success' }] });
  await policy();
  await listening.ada.until(kept, 'paid');
  assert.equal((await wallet(ada)).paid_minor, 2000 + 5000 + 2500);
});
