/** What a model's linears multiply: second moments of their inputs, layer by layer. */
@NullMarked
package org.espalier.runtime.quantisation.calibration;

import org.jspecify.annotations.NullMarked;
