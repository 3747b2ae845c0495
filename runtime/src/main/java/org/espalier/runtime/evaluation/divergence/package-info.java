/** How far a model's probabilities are from those of a reference. */
@NullMarked
package org.espalier.runtime.evaluation.divergence;

import org.jspecify.annotations.NullMarked;
