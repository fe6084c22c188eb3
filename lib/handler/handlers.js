// What the adapters of the frameworks require. The release bundles this file with all that it requires:
// the two endpoints have modules in common, which the package then contains once.

'use strict'

const { toBody, toEndpointRequest } = require('./node-request.js')
const { createPermissionHandler } = require('./permission-handler.js')
const { createTokenHandler } = require('./token-handler.js')

exports.createPermissionHandler = createPermissionHandler
exports.createTokenHandler = createTokenHandler
exports.toBody = toBody
exports.toEndpointRequest = toEndpointRequest
