// Prints the results of the checks.

'use strict'

const { style, wrap } = require('../output.js')

/** @typedef {import('./result.js').Result} Result */

/** The word for each status, and its colour. */
const STATUS = /** @type {const} */ ({
  ok: ['ok', 'green'],
  warning: ['warning', 'yellow'],
  failure: ['FAILED', 'red'],
  skipped: ['skipped', 'dim'],
})

const INDENT = 32

/** @param {string} title */
function printTitle(title) {
  console.log(style('bold', title))
}

/** @param {Result} result */
function printResult({ name, status, detail, cure }) {
  const [word, colour] = STATUS[status]
  const start = `  ${style(colour, word.padEnd(8))} ${name.padEnd(INDENT - 11)}`
  console.log(`${start}${wrap(detail, INDENT)}`)
  if (cure) console.log(`${' '.repeat(INDENT)}${style('cyan', wrap(`→ ${cure}`, INDENT))}`)
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
