// Prints the results of the checks.

'use strict'

const { style } = require('../output.js')

/** @typedef {import('./result.js').Result} Result */

/** The word for each status, and its colour. */
const STATUS = /** @type {const} */ ({
  ok: ['ok', 'green'],
  warning: ['warning', 'yellow'],
  failure: ['FAILED', 'red'],
  skipped: ['skipped', 'dim'],
})

/** The width of a line, when the output is not a terminal. */
const WIDTH = 100

const INDENT = 32

/** @param {string} title */
function printTitle(title) {
  console.log(style('bold', title))
}

/** @param {Result} result */
function printResult({ name, status, detail, cure }) {
  const [word, colour] = STATUS[status]
  const start = `  ${style(colour, word.padEnd(8))} ${name.padEnd(INDENT - 11)}`
  console.log(`${start}${wrap(detail)}`)
  if (cure) console.log(`${' '.repeat(INDENT)}${style('cyan', wrap(`→ ${cure}`))}`)
}

/** @param {string} text */
function wrap(text) {
  const width = Math.max(40, (process.stdout.columns ?? WIDTH) - INDENT)
  const lines = ['']
  for (const word of text.split(' ')) {
    const line = `${lines.at(-1)} ${word}`.trimStart()
    if (line.length > width) lines.push(word)
    else lines[lines.length - 1] = line
  }
  return lines.join(`\n${' '.repeat(INDENT)}`)
}

/** @param {Result[]} results */
function printSummary(results) {
  const count = (/** @type {Result['status']} */ status) =>
    results.filter((result) => result.status === status).length
  const [failed, warnings] = [count('failure'), count('warning')]
  const text =
    `${count('ok')} ok, ${warnings} warning${warnings === 1 ? '' : 's'}, ${failed} failed, ` +
    `${count('skipped')} skipped`
  console.log(`\n${style(failed > 0 ? 'red' : 'green', text)}`)
}

exports.printResult = printResult
exports.printSummary = printSummary
exports.printTitle = printTitle
