// Helpers for the tests of the emulator. They do not load the addon, since the emulator does not.

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

/** Starts an emulator, and closes it when the test ends. */
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

/** Sends a v1 request that is valid except for the changes in `data` and `init`. */
export const v1 = (emulator, data, init) =>
  post(emulator, V1, { data: { ...CREDENTIALS, userId: 'ada', ...data } }, init)

/** Sends a v2 request that is valid except for the changes in `data` and `init`. */
export const v2 = (emulator, data, init) =>
  post(
    emulator,
    V2,
    { data: { userId: 'ada', userProperties: {}, permissions: { resources: [] }, ...data } },
    { headers: HEADERS, ...init },
  )

export function rawSocket(emulator) {
  return connect({ port: new URL(emulator.url).port, host: '127.0.0.1', allowHalfOpen: true })
}

/** Sends a valid v1 request on a socket. Returns the response, and how the connection ended. */
export async function exchange(emulator, socket = rawSocket(emulator)) {
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
    // libuv reports data followed by an RST as data followed by an end. Only a write fails after an
    // RST.
    socket.once('end', () => socket.write('\r\n', (error) => resolve(error ? 'RST' : 'FIN')))
  })
  socket.destroy()
  const [head, received = ''] = text.split('\r\n\r\n')
  const promised = Number(/content-length: (\d+)/i.exec(head)?.[1] ?? 0)
  return { ended, head, received, promised }
}

const NOTHING = /^$/
const OK = /^HTTP\/1.1 200 /

/** The faults that end the connection too early, and what the client receives. */
export const CUTS = [
  {
    name: '`reset: headers` resets the connection without a response',
    fault: { reset: 'headers' },
    ending: 'RST',
    opening: NOTHING,
    least: 0,
  },
  {
    name: '`reset: body` resets the connection after half of the body',
    fault: { reset: 'body' },
    ending: 'RST',
    opening: OK,
    least: 101,
  },
  {
    name: '`truncate` sends half of the body, then closes the connection with a FIN',
    fault: { truncate: true },
    ending: 'FIN',
    opening: OK,
    least: 101,
  },
]

/** Applies one of `CUTS` to a request, and checks what the client receives. */
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

/** Waits until the other side has closed or reset a connection. */
export function waitForEnd(socket) {
  return new Promise((resolve) => {
    for (const event of ['end', 'error']) socket.resume().once(event, resolve)
  }).finally(() => socket.destroy())
}

/** `fault` with a `match` that resolves `arrived` with the request. */
export function notifyingFault(fault) {
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
