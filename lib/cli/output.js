// Text for a terminal.

'use strict'

const util = require('node:util')

/** @typedef {Parameters<typeof util.styleText>[0]} Format */

/**
 * Adds colour to a text, if the stream shows colours. `NO_COLOR` switches colours off, and
 * `FORCE_COLOR` switches them on for a stream that is not a terminal.
 *
 * @param {Format} format
 * @param {string} text
 * @param {NodeJS.WriteStream} [stream]
 */
function style(format, text, stream = process.stdout) {
  // Before 20.12, Node has no styleText.
  if (!util.styleText || !hasColours(stream)) return text
  return util.styleText(format, text, { validateStream: false })
}

/** @param {NodeJS.WriteStream} stream */
function hasColours(stream) {
  const { NO_COLOR, FORCE_COLOR } = process.env
  if (NO_COLOR) return false
  if (FORCE_COLOR !== undefined) return FORCE_COLOR !== '0'
  return stream.isTTY === true && stream.hasColors()
}

/** The width of a line, when the output is not a terminal. */
const WIDTH = 100

/**
 * Breaks a text into lines. All but the first begin with `indent` spaces.
 *
 * @param {string} text
 * @param {number} indent
 */
function wrap(text, indent) {
  const width = Math.max(40, (process.stdout.columns ?? WIDTH) - indent)
  const lines = ['']
  for (const word of text.split(' ')) {
    const line = `${lines.at(-1)} ${word}`.trimStart()
    if (line.length > width) lines.push(word)
    else lines[lines.length - 1] = line
  }
  return lines.join(`\n${' '.repeat(indent)}`)
}

/** @param {unknown} value */
function printJson(value) {
  console.log(JSON.stringify(value, null, 2))
}

/**
 * The last four characters of a secret, to recognize it. A short secret is not shown at all.
 *
 * @param {string} secret
 */
function lastFour(secret) {
  return secret.length < 12 ? '(too short to show)' : `…${secret.slice(-4)}`
}

/** A duration in its two largest units, such as `47 h 59 min`. @param {number} ms */
function duration(ms) {
  const seconds = Math.round(Math.abs(ms) / 1000)
  const parts = [
    [Math.floor(seconds / 86_400), 'd'],
    [Math.floor(seconds / 3600) % 24, 'h'],
    [Math.floor(seconds / 60) % 60, 'min'],
    [seconds % 60, 's'],
  ]
  const first = parts.findIndex(([count]) => Number(count) > 0)
  if (first < 0) return '0 s'
  return parts
    .slice(first, first + 2)
    .filter(([count]) => Number(count) > 0)
    .map(([count, unit]) => `${count} ${unit}`)
    .join(' ')
}

exports.duration = duration
exports.lastFour = lastFour
exports.printJson = printJson
exports.style = style
exports.wrap = wrap
