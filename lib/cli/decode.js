// `velt-auth decode`: shows the content of a token.

'use strict'

const { text } = require('node:stream/consumers')
const { UsageError } = require('./errors.js')
const { duration, printJson, style, wrap } = require('./output.js')
const { inspectToken } = require('./token-content.js')

const help = `Usage: velt-auth decode [<token>] [--json]

Shows the claims of a token, how long it is valid, its permissions and when they end, and what is
wrong with it. Without an argument it reads the token from stdin; it also accepts JSON with a field
"token", as the token endpoint sends it.

It does not verify the signature: only Velt has the key. A forged token can look valid here.

The exit code is 1 if something is wrong with the token.

Examples
  npx velt-auth token --user-id ada | npx velt-auth decode
  pbpaste | npx velt-auth decode --json`

/** @type {import('./arguments.js').Options} */
const options = { json: { type: 'boolean' } }

/** @param {import('./arguments.js').Arguments} given */
async function run({ values, operands }) {
  const token = tokenIn(operands[0] ?? (await readStdin()))
  const content = inspectToken(token, Date.now())
  if (values.json) printJson(content)
  else print(content)
  return content.problems.length > 0 ? 1 : 0
}

async function readStdin() {
  if (process.stdin.isTTY) throw new UsageError('Pass the token as an argument, or through stdin.')
  return await text(process.stdin)
}

/** Takes the token out of what people copy: a header, a JSON string, or a response. @param {string} input */
function tokenIn(input) {
  const trimmed = input.trim().replace(/^Bearer +/i, '')
  try {
    const json = JSON.parse(trimmed)
    return String(json?.token ?? json)
  } catch {
    return trimmed
  }
}

/** @param {import('./token-content.js').TokenContent} content */
function print({ header, claims, issuedAt, expiresAt, millisecondsLeft, permissions, ...rest }) {
  if (claims) {
    const { permissions: _, iat, exp, nbf, ...others } = claims
    section('Claims')
    for (const [name, value] of Object.entries(others)) row(name, show(value))
    section('Validity')
    if (issuedAt !== undefined) row('issued', time(issuedAt))
    if (expiresAt !== undefined) row('expires', `${time(expiresAt)} (${left(millisecondsLeft)})`)
    row('algorithm', show(header?.alg))
  }
  if (permissions.length > 0) {
    section('Permissions')
    for (const { type, id, organizationId, accessRole, endsAt, millisecondsLeft } of permissions) {
      const place = organizationId ? ` in ${organizationId}` : ''
      const end = endsAt === undefined ? 'as long as the token' : `until ${time(endsAt)}`
      const rest = endsAt === undefined ? '' : ` (${left(millisecondsLeft)})`
      row(String(type), `${show(id)}${place}, ${accessRole}, ${end}${rest}`)
    }
  }
  if (rest.notes.length + rest.problems.length > 0) section('Findings')
  for (const problem of rest.problems) finding(style('red', 'wrong'), problem)
  for (const note of rest.notes) finding(style('yellow', 'note '), note)
  if (rest.problems.length === 0) console.log(style('green', 'Nothing wrong was found.'))
  console.error('The signature was not verified: only Velt has the key.')
}

/** @param {string} title */
function section(title) {
  console.log(style('bold', title))
}

/** @param {string} word has five characters @param {string} message */
function finding(word, message) {
  console.log(`  ${word}  ${wrap(message, 9)}`)
}

/** @param {string} name @param {string} value */
function row(name, value) {
  console.log(`  ${name.padEnd(16)}${value}`)
}

/** Shows a value in one line, without control characters. @param {unknown} value */
function show(value) {
  const json = JSON.stringify(value) ?? 'none'
  return typeof value === 'string' ? json.slice(1, -1) : json
}

/** @param {number} ms */
function time(ms) {
  return new Date(ms).toISOString().replace('T', ' ').replace('.000Z', ' UTC')
}

/** @param {number | undefined} ms */
function left(ms = 0) {
  return ms > 0 ? `${duration(ms)} left` : `${duration(ms)} ago`
}

exports.help = help
exports.operands = 1
exports.options = options
exports.run = run
