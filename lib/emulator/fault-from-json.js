// @ts-check

'use strict'

/** A fault from JSON, which has no `Infinity`: `"times": "always"` replaces it. @param {any} fault @returns {import('./index.js').Fault} */
function faultFromJson(fault) {
  if (typeof fault !== 'object' || fault === null || Array.isArray(fault)) {
    throw new TypeError('A fault must be an object')
  }
  return fault.times === 'always' ? { ...fault, times: Infinity } : fault
}

exports.faultFromJson = faultFromJson
