// What the client tests share: sessions, samples, the clock, waiting for events,
// and saying exactly how a request must be refused.
import assert from 'node:assert/strict';
import { readFileSync, readdirSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after } from 'node:test';
import { EventSource } from 'eventsource';
import PocketBase, { ClientResponseError } from 'pocketbase';

// Node has no EventSource; without it the SDK's realtime ends the process.
globalThis.EventSource = EventSource;

function setting(name) {
  const value = process.env[name];
  assert.ok(value, `${name} is not set: start these tests with go test ./e2e`);
  return value;
}

export const url = setting('E2E_URL');
export const limitedURL = setting('E2E_LIMITED_URL');
export const password = 'correct horse battery';
export const clipMinor = 15000;
export const validationMinor = 1500;

// Sessions -------------------------------------------------------------------

const clients = [];

/** A client that is not signed in. Nothing is cancelled behind our back. */
export function guest() {
  const pb = new PocketBase(url).autoCancellation(false);
  clients.push(pb);
  return pb;
}

// An open event stream would keep the process alive for ever.
after(() => Promise.allSettled(clients.map((pb) => pb.realtime.unsubscribe())));

export async function admin() {
  const pb = guest();
  await pb.collection('_superusers').authWithPassword(setting('E2E_ADMIN_EMAIL'), setting('E2E_ADMIN_PASSWORD'));
  return pb;
}

/** Signs somebody up who speaks the languages (codes) and returns a session. */
export async function join(username, ...codes) {
  const pb = guest();
  const email = `${username}@lingualink.test`;
  const languages = await Promise.all(codes.map(languageID));
  await pb.collection('users').create({ username, email, languages, password, passwordConfirm: password });
  await pb.collection('users').authWithPassword(email, password);
  return { pb, id: pb.authStore.record.id, username, email };
}

/** Signs somebody up who also agreed to the recording terms. */
export async function joinSpeaker(username, ...codes) {
  const person = await join(username, ...codes);
  await person.pb.collection('consents').create({ version: '1' });
  return person;
}

const languages = new Map();

export async function languageID(code) {
  if (!languages.has(code)) {
    const language = await guest().collection('languages').getFirstListItem(`code = "${code}"`);
    languages.set(code, language.id);
  }
  return languages.get(code);
}

/** A record id as clients make them. */
export function newID() {
  const alphabet = 'abcdefghijklmnopqrstuvwxyz0123456789';
  return Array.from({ length: 15 }, () => alphabet[Math.floor(Math.random() * alphabet.length)]).join('');
}

/** A plain HTTP request whose body is read to the end: an unread one keeps its connection busy. */
export async function fetched(address, options) {
  const answer = await fetch(address, options);
  const bytes = Buffer.from(await answer.arrayBuffer());
  return { status: answer.status, headers: answer.headers, bytes, json: () => JSON.parse(bytes.toString()) };
}

// Samples --------------------------------------------------------------------

const directory = setting('E2E_SAMPLES');
const manifest = JSON.parse(readFileSync(path.join(directory, 'manifest.json'), 'utf8'));

export const samples = { good: manifest.good, bad: manifest.bad };

export function file(name) {
  return new File([readFileSync(path.join(directory, name))], name);
}

/** One of the plain voices. Bytes are accepted once, so each test has its own. */
export function voice(number) {
  return file(manifest.voices[number]);
}

export async function upload(person, media, code, more = {}) {
  return person.pb.collection('clips').create({ kind: 'voice', language: await languageID(code), media, ...more });
}

/** Files of recordings that the server has stored, sorted. */
export function storedMedia() {
  return readdirSync(setting('E2E_STORAGE'), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.name.endsWith('.attrs'))
    .map((entry) => path.join(entry.parentPath ?? entry.path, entry.name))
    .sort();
}

/** Temporary files that the server has left. */
export function spooled() {
  return readdirSync(setting('E2E_SPOOL'));
}

// The clock ------------------------------------------------------------------

const clock = setting('E2E_CLOCK');

/** Turns the server's clock forward. */
export function advance(seconds) {
  const before = Number.parseInt(readFileSync(clock, 'utf8'), 10) || 0;
  writeFileSync(`${clock}.next`, `${before + seconds}s`);
  renameSync(`${clock}.next`, clock);
}

// Votes ----------------------------------------------------------------------

export async function queue(person, code, limit = 50) {
  return (await person.pb.send('/api/lingualink/queue', { query: { language: code, limit } })).data.items;
}

/** Has each person fetch the queue and vote on the clip. */
export async function vote(people, clip, code, verdict = 'approve', more = {}) {
  for (const person of people) {
    const cast = async () => {
      const items = await queue(person, code);
      assert.ok(items.some((item) => item.clip === clip.id), `the queue of ${person.username} offers the clip`);
      advance(10); // as long as listening takes, and the pause between two votes
      await person.pb.collection('votes').create({ clip: clip.id, verdict, ...more });
    };
    // A clock that was just turned by days may end a lease at once: an app asks again.
    await cast().catch((error) => {
      if (error.response?.data?.clip?.code !== 'assignment_required') throw error;
      return cast();
    });
  }
}

export async function wallet(person) {
  const { data } = await person.pb.send('/api/lingualink/wallet', {});
  return data.balances.find((balance) => balance.currency === 'NGN');
}

/** A wallet in which everything is still pending. */
export function pending(minor) {
  return {
    currency: 'NGN', pending_minor: minor, available_minor: 0, held_minor: 0,
    earned_minor: minor, paid_minor: 0, unfunded_minor: 0, accruing_minor: 0,
  };
}

export async function fundGeneral(amountMinor) {
  const superuser = await admin();
  const campaign = await superuser.collection('campaigns').getFirstListItem('status = "open" && language = ""');
  return superuser.send(`/api/lingualink/campaigns/${campaign.id}/fund`, {
    method: 'POST', headers: { 'Idempotency-Key': newID() }, body: { amount_minor: amountMinor, memo: 'grant' },
  });
}

// Expectations ---------------------------------------------------------------

/** Fails unless the promise is refused with the status and the code; returns the item with its params. */
export async function refused(promise, status, code, field) {
  const error = await promise.then(
    (value) => assert.fail(`${JSON.stringify(value)} was not refused as ${code}`),
    (problem) => problem,
  );
  if (!(error instanceof ClientResponseError)) throw error;
  return checkError(error.status, error.response, status, code, field);
}

/** The one shape of every error: status, message, data by field. */
export function checkError(gotStatus, body, status, code, field) {
  assert.equal(gotStatus, status, JSON.stringify(body));
  assert.equal(body.status, status);
  assert.equal(typeof body.message, 'string');
  assert.notEqual(body.message, '');
  const fields = Object.keys(body.data);
  assert.equal(fields.length, 1, JSON.stringify(body));
  if (field !== undefined) assert.equal(fields[0], field);
  const item = body.data[fields[0]];
  assert.equal(item.code, code, JSON.stringify(body));
  assert.notEqual(item.message, '');
  return item;
}

/** PocketBase's plain 404, which says nothing about what exists. */
export async function missing(promise) {
  const error = await promise.then(
    (value) => assert.fail(`${JSON.stringify(value)} was found`),
    (problem) => problem,
  );
  assert.equal(error.status, 404, JSON.stringify(error.response));
}

const patience = 30_000;

/** Collects realtime events and waits for the one that fits. */
export class Events {
  #seen = [];
  #waiting = [];

  /** To be given to subscribe. */
  add = (event) => {
    this.#seen.push(event);
    for (const check of this.#waiting) check();
  };

  get seen() {
    return this.#seen;
  }

  async until(fits, what) {
    return new Promise((resolve, reject) => {
      const check = () => {
        const found = this.#seen.find(fits);
        if (found === undefined) return;
        clearTimeout(timer);
        this.#waiting = this.#waiting.filter((other) => other !== check);
        resolve(found);
      };
      const timer = setTimeout(
        () => reject(new Error(`no event: ${what}; seen ${JSON.stringify(this.#seen)}`)), patience);
      this.#waiting.push(check);
      check();
    });
  }
}

/** Asks again until the answer fits. */
export async function eventually(ask, fits, what) {
  const deadline = Date.now() + patience;
  for (;;) {
    const answer = await ask();
    if (fits(answer)) return answer;
    assert.ok(Date.now() < deadline, `${what}: still ${JSON.stringify(answer)}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
