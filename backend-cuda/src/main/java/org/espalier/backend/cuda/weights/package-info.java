/** Weights on their way to the device: how each linear is stored there, and bringing it. */
@NullMarked
package org.espalier.backend.cuda.weights;

import org.jspecify.annotations.NullMarked;
