// A code travels from a link to a bank account, and the ways to cheat end with
// nothing paid. Everything is done with the SDK, as apps do it; the clock is turned.
import assert from 'node:assert/strict';
import test from 'node:test';
import {
  Events, admin, advance, eventually, fetched, fundGeneral, guest, join, languageID, newID, password, refused, upload, url, voice, vote, wallet,
} from './kit.mjs';

const code = 'ig'; // a language of its own: nobody else's clips are in its queue
const day = 24 * 3600;
const bonus = 75_000;
const superuser = await admin();
await fundGeneral(10_000_000);

/** Somebody who signs up on a phone, with a code or without, and does not come back yet. */
async function signUp(username, { invitedWith, device } = {}) {
  const pb = guest();
  pb.beforeSend = (address, options) => ({
    url: address, options: { ...options, headers: { ...options.headers, 'X-Device-Id': device ?? `device-of-${username}` } },
  });
  const email = `${username}@lingualink.test`;
  const { id } = await pb.collection('users').create({
    username, email, languages: [await languageID(code)], password, passwordConfirm: password, ...(invitedWith && { referral_code: invitedWith }),
  });
  return { pb, id, username, email };
}

/** Somebody who signs in as well and agrees to the terms. */
async function arrive(username, options) {
  const person = await signUp(username, options);
  await signIn(person);
  return person;
}

async function signIn(person) {
  await person.pb.collection('users').authWithPassword(person.email, password);
  await person.pb.collection('consents').create({ version: '1' });
}

const verify = (person) => superuser.collection('users').update(person.id, { verified: true });
const own = async (person) => (await person.pb.send('/api/lingualink/referrals', { query: { per_page: 100 } })).data;
const claim = (person, text) => person.pb.send('/api/lingualink/referrals/claim', { method: 'POST', body: { code: text } });
const rewardsOf = (person, rule) => person.pb.collection('rewards').getFullList({ filter: `rule = "${rule}"` });

// Nobody of these was brought by anybody.
const validators = await Promise.all([1, 2, 3].map((n) => join(`validator${n}.referrals`, code)));

/** One approved clip on each of three days. */
async function contribute(person, voices, voters = validators) {
  for (const number of voices) {
    await vote(voters, await upload(person, voice(number), code), code);
    advance(day);
  }
}

const referralOf = async (referrer, referred) => (await own(referrer)).people.find((entry) => entry.user.id === referred.id);
const becomes = (referrer, referred, state) => eventually(
  () => referralOf(referrer, referred), (entry) => entry?.state === state, `${referred.username} is ${state}`);

const ada = await arrive('ada.referrals');
const adas = await own(ada);

test('a code is a link, a page and a picture', async () => {
  assert.match(adas.code, /^[A-Z0-9]{8}$/);
  assert.ok(adas.link.endsWith(`/join/${adas.code}`), adas.link);
  const page = await fetched(`${url}/join/${adas.code.toLowerCase()}`);
  assert.equal(page.status, 200);
  const html = page.bytes.toString();
  assert.ok(html.includes('ada.referrals') && html.includes(adas.code) && !html.includes(ada.email));
  const qr = await fetched(new URL(adas.qr, url));
  assert.equal(qr.status, 200);
  assert.match(qr.headers.get('content-type'), /^image\//);
  assert.equal((await fetched(`${url}/join/NOSUCHCODE`)).status, 404);
});

test('an unknown code makes no account', async () => {
  const pb = guest();
  const person = { username: 'typo.referrals', email: 'typo.referrals@lingualink.test', password, passwordConfirm: password };
  await refused(pb.collection('users').create({ ...person, referral_code: 'NOSUCHCODE' }), 400, 'referral_code_unknown', 'referral_code');
  await pb.collection('users').create(person);
});

test('from link to sign-up to three clips on three days to bonus, hold, release and payout', async () => {
  const bola = await arrive('bola.referrals', { invitedWith: adas.code.toLowerCase() });
  assert.equal((await referralOf(ada, bola)).state, 'invited');
  await refused(claim(bola, 'NOSUCHCODE'), 400, 'referral_code_unknown');
  await claim(bola, adas.code); // a repeat changes nothing

  const events = new Events();
  await ada.pb.collection('referrals').subscribe('*', events.add);
  await verify(bola);
  await contribute(bola, [31, 32, 33]);
  const active = await becomes(ada, bola, 'active');
  assert.equal(active.progress.clips, 3);
  assert.ok(!JSON.stringify(active).includes('@'), 'nothing private of others');
  await events.until((event) => event.record.referred === bola.id && event.record.state === 'active', 'the referral is active');

  const [reward] = await eventually(() => rewardsOf(ada, 'referral_bonus'), (list) => list.length === 1, 'the bonus');
  assert.equal(reward.amount_minor, bonus);
  assert.equal(reward.state, 'pending');
  assert.deepEqual((await wallet(ada)).pending_minor, bonus);

  // A clip of Bola's is released after a week; Ada has her part of it.
  advance(8 * day);
  const commissions = await eventually(() => rewardsOf(ada, 'referral_commission'), (list) => list.length === 3, 'the commissions');
  assert.deepEqual(commissions.map((row) => row.amount_minor), [750, 750, 750]);
  advance(15 * day);
  const total = bonus + 3 * 750;
  await eventually(() => wallet(ada), (w) => w.available_minor === total, 'bonus and commission are available');

  await payOut(ada, 'Ada Adeyemi', '0777456700', total);
  assert.equal((await rewardsOf(ada, 'referral_bonus')).length, 1);
});

/** A bank account and a payout of everything that is available. */
async function enterAccount(person, legalName, number) {
  const profile = await person.pb.collection('private_profiles').getFirstListItem('');
  await person.pb.collection('private_profiles').update(profile.id, { legal_name: legalName });
  const confirmation = await person.pb.send('/api/lingualink/confirm', { method: 'POST', body: { purpose: 'payout_account', password } });
  const { data } = await person.pb.send('/api/lingualink/payout-accounts', {
    method: 'POST', headers: { 'X-Confirmation': confirmation.data.confirmation },
    body: { country: 'NG', currency: 'NGN', bank_code: '058', account_number: number },
  });
  return data;
}

async function ask(person, account, amount) {
  const { data } = await person.pb.send('/api/lingualink/payouts', {
    method: 'POST', headers: { 'Idempotency-Key': newID() }, body: { amount_minor: amount, currency: 'NGN', account: account.id },
  });
  return data;
}

async function payOut(person, legalName, number, amount) {
  await superuser.collection('policies').create({
    subject: 'payouts', values: { enabled: true, request_hours: 0, NGN: {
      minimum_minor: 1000, auto_limit_minor: 1_000_000, high_limit_minor: 2_000_000, day_limit_minor: 10_000_000,
      hour_ceiling_minor: 10_000_000, day_ceiling_minor: 10_000_000,
    } },
  });
  const filled = await fetch(`${process.env.E2E_PAYSTACK}/_fake/fund`, { method: 'POST', body: JSON.stringify({ currency: 'NGN', amount: 100_000_000 }) });
  assert.equal(filled.status, 200);
  const payout = await ask(person, await enterAccount(person, legalName, number), amount);
  await eventually(() => person.pb.collection('payouts').getOne(payout.id), (row) => row.status === 'paid', 'the payout is paid');
  assert.equal((await wallet(person)).paid_minor, amount);
}

/** Nothing of this rule was ever free to be paid out. */
async function paidNothing(person) {
  const rows = [...await rewardsOf(person, 'referral_bonus'), ...await rewardsOf(person, 'referral_commission')];
  assert.ok(rows.every((row) => ['reversed', 'void'].includes(row.state)), JSON.stringify(rows));
  const balance = await wallet(person);
  assert.equal(balance.available_minor + balance.pending_minor + balance.held_minor + balance.paid_minor, 0);
}

test('oneself, once: the same phone, the own code, another code, two codes at once', async () => {
  const eve = await arrive('eve.referrals');
  const eves = await own(eve);
  const refusedAs = async (person, text, reason) => {
    const item = await refused(claim(person, text), 409, 'referral_refused');
    assert.equal(item.params.reason, reason);
  };
  await refusedAs(eve, eves.code, 'own_code');

  const second = await arrive('eve2.referrals', { invitedWith: eves.code, device: 'device-of-eve.referrals' });
  assert.equal(await referralOf(eve, second), undefined);
  await refusedAs(second, eves.code, 'not_eligible');
  await verify(second);
  await contribute(second, [34, 35, 36]);
  await paidNothing(eve);

  const gina = await arrive('gina.referrals');
  const ginas = await own(gina);
  const mallory = await arrive('mallory.referrals', { invitedWith: ginas.code });
  await refusedAs(mallory, adas.code, 'attributed_other');
  assert.equal((await referralOf(gina, mallory)).state, 'invited');

  const racer = await arrive('racer.referrals');
  const answers = await Promise.allSettled([claim(racer, adas.code), claim(racer, ginas.code), claim(racer, adas.code), claim(racer, ginas.code)]);
  const brought = [await referralOf(ada, racer), await referralOf(gina, racer)].filter(Boolean);
  assert.equal(brought.length, 1, 'one of them brought the racer');
  assert.equal(answers.filter((answer) => answer.status === 'fulfilled').length, 2, 'and its repeat is no error');
});

test('a ring of three', async () => {
  const first = await arrive('ring1.referrals');
  const second = await arrive('ring2.referrals', { invitedWith: (await own(first)).code });
  const third = await arrive('ring3.referrals', { invitedWith: (await own(second)).code });
  const item = await refused(claim(first, (await own(third)).code), 409, 'referral_refused');
  assert.ok(['referrer_younger', 'cycle'].includes(item.params.reason), item.params.reason);

  // They approve each other: nobody outside agreed, so nobody becomes active.
  await Promise.all([first, second, third].map(verify));
  const extra = await arrive('ring4.referrals', { invitedWith: (await own(first)).code });
  for (const number of [37, 38, 39]) {
    const clip = await upload(second, voice(number), code);
    await vote([first, third, extra], clip, code);
    advance(day);
  }
  await eventually(() => second.pb.collection('clips').getFullList({ filter: `owner = "${second.id}"` }),
    (clips) => clips.length === 3 && clips.every((clip) => clip.status === 'approved'), 'the clips are approved');
  assert.equal((await referralOf(first, second)).state, 'invited');
  assert.equal((await referralOf(first, second)).progress.clips, 0);
  advance(20 * day);
  assert.deepEqual(await rewardsOf(first, 'referral_bonus'), []);
});

test('a second account that is paid into the same bank account', async () => {
  const frank = await arrive('frank.referrals');
  const franks = await own(frank);
  const fake = await arrive('frank2.referrals', { invitedWith: franks.code });
  await verify(fake);
  await contribute(fake, [40, 41, 42]);
  await becomes(frank, fake, 'active');
  await eventually(() => rewardsOf(frank, 'referral_bonus'), (list) => list[0]?.state === 'pending', 'the bonus is on hold');

  await enterAccount(frank, 'Efe Eze', '0777456744');
  await enterAccount(fake, 'Efe Eze', '0777456744');
  const [freeze] = await eventually(() => frank.pb.collection('freezes').getFullList(), (list) => list.length === 1, 'the freeze');
  assert.equal(freeze.state, 'frozen');
  assert.match(freeze.reason, /bank account/);
  assert.ok(!freeze.reason.includes('frank2'), 'nothing about others');
  advance(20 * day);
  assert.equal((await wallet(frank)).available_minor, 0, 'what is frozen is not released');

  const moderator = await join('moderator.referrals', code);
  await superuser.collection('users').update(moderator.id, { roles: ['moderator'] });
  const [cluster] = (await moderator.pb.collection('risk_clusters').getFullList({ filter: 'state = "open" && act = "freeze"' }))
    .filter((row) => row.people.includes(frank.id));
  await moderator.pb.send(`/api/lingualink/risk-clusters/${cluster.id}/decide`, {
    method: 'POST', body: { outcome: 'confirmed', reason: 'One person with two accounts.' },
  });
  await eventually(() => referralOf(frank, fake), (entry) => entry?.state === 'barred', 'the referral is barred');
  await paidNothing(frank);

  const other = await join('moderator2.referrals', code);
  await superuser.collection('users').update(other.id, { roles: ['moderator'] });
  const appeal = await frank.pb.collection('appeals').create({ subject_type: 'freezes', subject_id: freeze.id, text: 'It is my brother.' });
  await refused(moderator.pb.send(`/api/lingualink/appeals/${appeal.id}/decide`, { method: 'POST', body: { outcome: 'upheld', reason: 'No.' } }), 403, 'first_decider');
  await other.pb.send(`/api/lingualink/appeals/${appeal.id}/decide`, { method: 'POST', body: { outcome: 'upheld', reason: 'The bank says otherwise.' } });
  await eventually(() => frank.pb.collection('appeals').getOne(appeal.id), (row) => row.state === 'upheld', 'the appeal is decided');
});

/** Fifty people who sign up one after the other, as fast as a hall can. */
async function crowd(name, options) {
  const people = [];
  for (let n = 0; n < 50; n += 5) {
    people.push(...await Promise.all([0, 1, 2, 3, 4].map((i) => signUp(`${name}${n + i}.referrals`, options(n + i)))));
  }
  return people;
}

const frozenAmong = async (people) => {
  const rows = await superuser.collection('freezes').getFullList({ filter: 'state = "frozen"' });
  return people.filter((person) => rows.some((row) => row.user === person.id)).length;
};

test('a farm of fifty on ten phones, and fifty people in one hall', async () => {
  const host = await arrive('host.referrals');
  const hosts = await own(host);
  const farm = await crowd('farm', (n) => ({ invitedWith: hosts.code, device: `farm-phone-${n % 10}` }));
  await eventually(() => frozenAmong(farm), (n) => n === 50, 'all of the farm are frozen');
  assert.equal(await frozenAmong([host]), 0, 'who invited them is not, by that alone');
  await signIn(farm[0]);
  await verify(farm[0]);
  await contribute(farm[0], [43, 44, 45]);
  advance(20 * day);
  assert.equal((await wallet(host)).available_minor, 0, 'what the farm brings waits for a person');

  const hall = await crowd('hall', () => ({ invitedWith: adas.code }));
  await signIn(hall[0]);
  await verify(hall[0]);
  await contribute(hall[0], [46, 47, 48]);
  await becomes(ada, hall[0], 'active');
  assert.equal(await frozenAmong(hall), 0, 'an address that many share is no reason');
});
