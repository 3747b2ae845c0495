/**
 * Learning what is stored in F32 beside the codes: norms, signs as real numbers, routers. The
 * gradient of the divergence from the original model tells how.
 *
 * <p>The forward and backward passes here are plain F32 arithmetic on matrices that are held
 * decoded in memory; a sequence is one thread's work, and sums over sequences are taken in their
 * order, so the outcome is the same at any thread count.
 */
@NullMarked
package org.espalier.runtime.quantisation.tuning;

import org.jspecify.annotations.NullMarked;
