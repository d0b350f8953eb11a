import { scope } from '../../core'
import { lookUp, mainHidden, mainMlmHead, mainTable, mlmLogits, rowsAt } from '../../models'
import { readMasked } from './masked-text'
import { defineObjective } from './objective'
import { aloneReading, noReading } from './reading'
import { mainDropout } from './replaced-text'
import { batchKey, maskedCrossEntropy } from './terms'

/** Masked LM with the auxiliary model alone (Devlin et al. 2019, arXiv:1810.04805): the smallest objective there is. */
export const mlm = defineObjective({ reading: noReading }, (config) => (params, batch) => {
  const logits = readMasked(config, params, batch)
  const loss = maskedCrossEntropy(logits, batch)
  return { loss, metrics: { mlm: loss } }
})

/** The same recipe at the main model's size, with its dropout and a head of the auxiliary's form. */
export const mlmOnly = defineObjective(
  { heads: [mainMlmHead], reading: aloneReading },
  (config) => (params, batch, key) => {
    const table = mainTable(params)
    const embedded = lookUp(table, batch.masked, batch.tokenOrder)
    const dropout = mainDropout(config, batchKey(key, batch))
    const hidden = mainHidden(config, params, embedded, dropout, batch.isToken)
    const logits = scope('main', () =>
      mlmLogits(mainMlmHead.of(params), table, rowsAt(hidden, batch.positions), config.normEps),
    )
    const loss = maskedCrossEntropy(logits, batch)
    return { loss, metrics: { mlm: loss } }
  },
)
