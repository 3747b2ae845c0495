/**
 * Quantising matrices: from weights and the second moment of their inputs to the codes of tiles.
 *
 * <p>{@link org.espalier.runtime.quantisation.RotatedHessian} prepares the second moment, {@link
 * org.espalier.runtime.quantisation.MatrixQuantizer} runs BlockLDLQ with it. Neither knows a codec
 * by name.
 */
@NullMarked
package org.espalier.runtime.quantisation;

import org.jspecify.annotations.NullMarked;
