/** The loop from prompt to text. */
@NullMarked
package org.espalier.runtime.generation;

import org.jspecify.annotations.NullMarked;
