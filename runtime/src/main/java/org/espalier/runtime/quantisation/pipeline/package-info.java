/** From a model with plain weights to a file with encoded ones, resumable at any moment. */
@NullMarked
package org.espalier.runtime.quantisation.pipeline;

import org.jspecify.annotations.NullMarked;
