// What the tests of the emulator share. None of it loads the addon: the emulator needs none.

import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { startEmulator } from 'velt-auth/emulator'

export const V1 = '/v1/auth/token/get'
export const V2 = '/v2/auth/generate_token'
export const CREDENTIALS = { apiKey: 'emulator-api-key', authToken: 'emulator-auth-token' }
export const HEADERS = {
  'x-velt-api-key': CREDENTIALS.apiKey,
  'x-velt-auth-token': CREDENTIALS.authToken,
}
export const TIMEOUT = { timeout: 10_000 }

/** An emulator that ends with the test. */
export async function start(t, options) {
  const emulator = await startEmulator(options)
  t.after(() => emulator.close())
  return emulator
}

export async function post(emulator, path, body, { headers, ...init } = {}) {
  const response = await fetch(emulator.url + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
    ...init,
  })
  const text = await response.text()
  return { status: response.status, headers: response.headers, text, json: parsed(text) }
}

function parsed(text) {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** A good v1 request, but for what `data` and `init` change. */
export const v1 = (emulator, data, init) =>
  post(emulator, V1, { data: { ...CREDENTIALS, userId: 'ada', ...data } }, init)

/** A good v2 request, but for what `data` and `init` change. */
export const v2 = (emulator, data, init) =>
  post(
    emulator,
    V2,
    { data: { userId: 'ada', userProperties: {}, permissions: { resources: [] }, ...data } },
    { headers: HEADERS, ...init },
  )

export function bareSocket(emulator) {
  return connect({ port: new URL(emulator.url).port, host: '127.0.0.1', allowHalfOpen: true })
}

/** What a good v1 request gets on a bare socket: the bytes, and how the connection ended. */
export async function exchange(emulator, socket = bareSocket(emulator)) {
  const body = JSON.stringify({ data: { ...CREDENTIALS, userId: 'ada' } })
  socket.write(
    `POST ${V1} HTTP/1.1\r\nHost: velt\r\nContent-Type: application/json\r\n` +
      `Content-Length: ${body.length}\r\n\r\n${body}`,
  )
  let text = ''
  socket.on('data', (chunk) => {
    text += chunk
  })
  const ended = await new Promise((resolve) => {
    socket.once('error', () => resolve('RST'))
    // libuv reads data and the RST behind it as data and an end; only writing tells the difference.
    socket.once('end', () => socket.write('\r\n', (error) => resolve(error ? 'RST' : 'FIN')))
  })
  socket.destroy()
  const [head, received = ''] = text.split('\r\n\r\n')
  const promised = Number(/content-length: (\d+)/i.exec(head)?.[1] ?? 0)
  return { ended, head, received, promised }
}

const NOTHING = /^$/
const OK = /^HTTP\/1.1 200 /

/** The faults that end the connection too early, and what the client sees of each. */
export const CUTS = [
  {
    name: 'the connection is reset instead of an answer',
    fault: { reset: 'headers' },
    ending: 'RST',
    opening: NOTHING,
    least: 0,
  },
  {
    name: 'the connection is reset inside the body',
    fault: { reset: 'body' },
    ending: 'RST',
    opening: OK,
    least: 101,
  },
  {
    name: 'a truncated body ends in good order',
    fault: { truncate: true },
    ending: 'FIN',
    opening: OK,
    least: 101,
  },
]

/** Plays one of `CUTS`. */
export async function assertCut(emulator, { name, fault, ending, opening, least }, socket) {
  emulator.fault(fault)
  const { ended, head, received, promised } = await exchange(emulator, socket)
  assert.equal(ended, ending, name)
  assert.match(head, opening, name)
  assert.ok(promised >= least, name)
  assert.equal(received.length, Math.floor(promised / 2), name)
  const request = emulator.requests.at(-1)
  assert.equal(await request.closed, 'aborted', name)
  assert.equal(request.status, undefined, name)
}

/** Waits until the other side has ended a connection, in whatever way. */
export function over(socket) {
  return new Promise((resolve) => {
    for (const event of ['end', 'error']) socket.resume().once(event, resolve)
  }).finally(() => socket.destroy())
}

/** A fault that says when it hits. */
export function announced(fault) {
  let hit
  const arrived = new Promise((resolve) => {
    hit = resolve
  })
  const match = (request) => {
    hit(request)
    return true
  }
  return { fault: { ...fault, match }, arrived }
}
