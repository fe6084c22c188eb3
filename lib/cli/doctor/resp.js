// A connection to Redis that sends one command at a time (protocol RESP 2).

'use strict'

const { once } = require('node:events')
const net = require('node:net')
const { inTime, startTls } = require('./connection.js')

/** @typedef {string | number | null | RespError | any[]} Reply */

/** An error reply. `code` is its first word, such as `NOPERM`. */
class RespError {
  /** @param {string} message */
  constructor(message) {
    this.message = message
    this.code = message.split(' ', 1)[0]
  }
}

class RedisConnection {
  #socket
  #received = ''
  /** @type {{ resolve: (reply: Reply) => void, reject: (error: Error) => void } | undefined} */
  #waiting

  /** @param {net.Socket} socket */
  constructor(socket) {
    this.#socket = socket
    // One character for each byte, so that lengths in bytes are lengths of the string.
    socket.setEncoding('latin1')
    socket.on('data', (chunk) => this.#read(String(chunk)))
    socket.on('error', (error) => this.#waiting?.reject(error))
    socket.on('close', () => this.#waiting?.reject(new Error('the connection was closed')))
  }

  /** Sends a command. Rejects if no reply arrives. @param {(string | number)[]} parts @returns {Promise<Reply>} */
  async send(...parts) {
    const items = parts.map((part) => `$${Buffer.byteLength(String(part))}\r\n${part}\r\n`)
    /** @type {Promise<Reply>} */
    const reply = new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject }
    })
    this.#socket.write(`*${parts.length}\r\n${items.join('')}`)
    return await inTime(reply)
  }

  close() {
    this.#socket.destroy()
  }

  /** @param {string} chunk */
  #read(chunk) {
    this.#received += chunk
    const parsed = parseReply(this.#received, 0)
    if (!parsed) return
    this.#received = this.#received.slice(parsed.end)
    this.#waiting?.resolve(parsed.reply)
    this.#waiting = undefined
  }
}

/**
 * Parses a reply at `start`; the result is `undefined` if it is incomplete.
 *
 * @param {string} text
 * @param {number} start
 * @returns {{ reply: Reply, end: number } | undefined}
 */
function parseReply(text, start) {
  const lineEnd = text.indexOf('\r\n', start)
  if (lineEnd < 0) return undefined
  const line = text.slice(start + 1, lineEnd)
  const next = lineEnd + 2
  const length = Number(line)
  switch (text[start]) {
    case '+':
      return { reply: line, end: next }
    case '-':
      return { reply: new RespError(line), end: next }
    case ':':
      return { reply: length, end: next }
    case '$':
      if (length < 0) return { reply: null, end: next }
      if (text.length < next + length + 2) return undefined
      return { reply: text.slice(next, next + length), end: next + length + 2 }
    case '*':
      return parseArray(text, next, length)
    default:
      return {
        reply: new RespError('PROTOCOL this is not the protocol of Redis'),
        end: text.length,
      }
  }
}

/** @param {string} text @param {number} start @param {number} length */
function parseArray(text, start, length) {
  if (length < 0) return { reply: null, end: start }
  const reply = []
  let end = start
  for (let index = 0; index < length; index += 1) {
    const item = parseReply(text, end)
    if (!item) return undefined
    reply.push(item.reply)
    end = item.end
  }
  return { reply, end }
}

/**
 * Connects, without a command.
 *
 * @param {URL} url
 * @param {string[]} ca
 */
async function connectRedis(url, ca) {
  const host = url.hostname.replace(/^\[|\]$/g, '')
  const socket = net.connect(Number(url.port) || 6379, host)
  try {
    await inTime(once(socket, 'connect'))
    const isTls = url.protocol === 'rediss:'
    return new RedisConnection(isTls ? await inTime(startTls(socket, host, ca)) : socket)
  } catch (error) {
    socket.destroy()
    throw error
  }
}

exports.connectRedis = connectRedis
exports.RespError = RespError
