/** From one kind of model file to another, without changing what the model computes. */
@NullMarked
package org.espalier.runtime.conversion;

import org.jspecify.annotations.NullMarked;
