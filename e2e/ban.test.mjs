// A ban, or a suspension, of somebody who votes and listens at that moment: what ends,
// in which order, and what comes back with the end of it.
import assert from 'node:assert/strict';
import test from 'node:test';
import {
  Events, admin, advance, eventually, fetched, fundGeneral, guest, join, joinSpeaker, newID, password, queue, refused, upload, voice, vote, wallet,
} from './kit.mjs';

const code = 'yo';
const superuser = await admin();
const setStanding = (person, standing) => superuser.collection('users').update(person.id, { standing });
await fundGeneral(1_000_000);

/** A realtime connection as plain bytes, which does not reconnect by itself. */
async function connection(person, topics) {
  const controller = new AbortController();
  const answer = await fetch(`${person.pb.baseURL}/api/realtime`, { signal: controller.signal });
  const heard = { text: '', ended: 0, close: () => controller.abort() };
  heard.done = (async () => {
    try {
      for await (const chunk of answer.body) heard.text += Buffer.from(chunk).toString();
    } catch {
      // closed by this side
    }
    heard.ended = Date.now();
  })();
  await eventually(() => heard.text, (text) => text.includes('clientId'), 'the connection opens');
  const clientId = JSON.parse(heard.text.match(/data:(\{.*?\})/)[1]).clientId;
  const subscribed = await fetched(`${person.pb.baseURL}/api/realtime`, {
    method: 'POST', headers: { 'Content-Type': 'application/json', Authorization: person.pb.authStore.token },
    body: JSON.stringify({ clientId, subscriptions: topics }),
  });
  assert.equal(subscribed.status, 204);
  return heard;
}

for (const [number, standing] of [[56, 'suspended'], [60, 'banned']]) {
  test(`${standing} while votes and events flow`, async () => {
    const person = await joinSpeaker(`${standing}.ban`, code);
    const others = await Promise.all([1, 2, 3].map((n) => joinSpeaker(`${standing}${n}.ban`, code)));
    await person.pb.collection('users').update(person.id, { bio: 'From Ibadan.' });
    const approved = await upload(person, voice(number), code);
    await vote(others, approved, code);
    const pending = await upload(person, voice(number + 1), code);
    const judged = await upload(others[0], voice(number + 2), code);
    const money = await wallet(person);

    // The person has clips in hand, votes without a pause, and listens.
    const offered = await queue(person, code);
    assert.ok(offered.some((item) => item.clip === judged.id));
    advance(10);
    const heard = await connection(person, ['clips/*', 'users/*', 'languages/*', 'notifications/*']);
    const watching = new Events();
    await others[1].pb.collection('clips').subscribe('*', watching.add);
    let going = true;
    const answers = [];
    const voting = (async () => {
      while (going) {
        const sent = Date.now();
        const answer = await person.pb.collection('votes').create({ clip: newID(), verdict: 'approve' }).catch((problem) => problem);
        answers.push({ began: sent, at: Date.now(), status: answer.status, code: Object.values(answer.response?.data ?? {})[0]?.code });
      }
    })();
    // A vote that is looked at finds no such clip; one without a session is no vote.
    const lookedAt = (answer) => answer.code === 'not_found';
    let began, committed;
    try {
      await eventually(() => answers.filter(lookedAt).length, (n) => n > 5, 'votes flow');
      began = Date.now();
      await setStanding(person, standing);
      committed = Date.now();
      await heard.done;
      await eventually(() => answers.at(-1), (answer) => !lookedAt(answer), 'votes are refused');
    } finally {
      going = false;
      await voting;
    }
    const sinceCommit = heard.text.length;
    const lastTaken = answers.findLast(lookedAt);
    assert.ok(answers.slice(answers.indexOf(lastTaken) + 1).length > 0, 'votes go on to be refused');
    assert.ok(answers.filter((answer) => answer.began > committed).every((answer) => !lookedAt(answer)), 'no vote that was sent after the answer is looked at');
    const dead = await person.pb.collection('users').authRefresh().catch((problem) => problem);
    assert.equal(dead.status, 401, 'the session is over');

    // What everybody may hear reaches the others, and not the person.
    const [language] = await superuser.collection('languages').getFullList({ filter: `code = "${code}"` });
    await superuser.collection('languages').update(language.id, { enabled: true });
    assert.equal(heard.text.length, sinceCommit, 'nothing arrives on a connection that has ended');

    const seen = await others[2].pb.collection('clips').getOne(approved.id).catch((problem) => problem);
    const card = await others[2].pb.collection('users').getOne(person.id);
    if (standing === 'banned') {
      assert.equal(seen.status, 404);
      assert.equal(card.bio, '');
      assert.equal((await others[2].pb.collection('clips').getFullList({ filter: `owner = "${person.id}"` })).length, 0);
      assert.equal((await others[2].pb.collection('users').getFullList({ filter: `id = "${person.id}"` })).length, 0);
      assert.ok((await queue(others[2], code)).every((item) => item.clip !== pending.id), 'their clips left the queue');
      await refused(upload(others[1], voice(number + 3), code, { parent: approved.id }), 400, 'parent_invalid');
    } else {
      assert.equal(seen.id, approved.id);
      assert.equal(card.bio, 'From Ibadan.');
    }
    // What they had in hand is given to others at once.
    assert.ok((await queue(others[1], code)).some((item) => item.clip === judged.id));

    // They may come back for their own.
    const again = guest();
    await again.collection('users').authWithPassword(person.email, password);
    const back = { ...person, pb: again };
    assert.deepEqual(await wallet(back), money);
    const own = new Events();
    for (const collection of ['notifications', 'appeals', 'decisions', 'freezes', 'payouts', 'verdicts']) {
      await again.collection(collection).subscribe('*', own.add);
      assert.ok(Array.isArray(await again.collection(collection).getFullList()));
    }
    await refused(again.collection('clips').subscribe('*', own.add), 403, `account_${standing}`);

    await setStanding(person, 'good');
    const freed = guest();
    await freed.collection('users').authWithPassword(person.email, password);
    assert.equal((await others[2].pb.collection('clips').getOne(approved.id)).id, approved.id);
    assert.equal((await others[2].pb.collection('users').getOne(person.id)).bio, 'From Ibadan.');
    await eventually(() => queue(others[2], code), (items) => items.some((item) => item.clip === pending.id), 'their clips are back in the queue');
    assert.deepEqual(await wallet({ ...person, pb: freed }), money);
    console.log(`${standing}: committed after ${committed - began} ms; the connection ended ${heard.ended - committed} ms after the answer, `
      + `the last vote was looked at ${lastTaken.at - committed} ms after it`);
  });
}
