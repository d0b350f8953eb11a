export { flavourNames, parseScaler, scalerFlavours, type ScalerFlavour, type ScalerRule } from './flavours'
export { allFinite, lossScaled, type ScaledState } from './loss-scaled'
export { scalerNext, scalerStart, type ScalerState } from './scaler'
