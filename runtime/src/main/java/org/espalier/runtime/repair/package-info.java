/** Writes what published files lack. */
@NullMarked
package org.espalier.runtime.repair;

import org.jspecify.annotations.NullMarked;
