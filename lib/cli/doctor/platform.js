// Checks of this machine and of the installed package.

'use strict'

const { basename } = require('node:path')
const { version } = require('../../../package.json')
const { DOCS, failure, ok } = require('./result.js')

function nodeVersion() {
  const { platform, arch } = process
  const detail = `${process.version} on ${platform}-${arch}${libc()}`
  if (Number.parseInt(process.versions.node, 10) >= 20) return ok('Node.js', detail)
  return failure('Node.js', detail, 'velt-auth needs Node.js 20 or newer.')
}

function libc() {
  if (process.platform !== 'linux') return ''
  const { header } = /** @type {any} */ (process.report.getReport())
  return header.glibcVersionRuntime ? `, glibc ${header.glibcVersionRuntime}` : ', musl'
}

function addon() {
  try {
    require('../../client.js')
  } catch (error) {
    const { message } = /** @type {Error} */ (error)
    const page = `${DOCS}/install.md#when-the-addon-is-missing`
    return failure('addon', message, `Do what this message says. More: ${page}`)
  }
  const file = Object.keys(require.cache).find((path) => path.endsWith('.node')) ?? ''
  return ok('addon', `${basename(file)}, version ${version}`)
}

/** Whether the addon can be loaded. */
function hasAddon() {
  try {
    return Boolean(require('../../client.js'))
  } catch {
    return false
  }
}

exports.addon = addon
exports.hasAddon = hasAddon
exports.nodeVersion = nodeVersion
