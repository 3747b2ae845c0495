/** The entry point and the wiring. */
@NullMarked
package org.espalier.launcher;

import org.jspecify.annotations.NullMarked;
