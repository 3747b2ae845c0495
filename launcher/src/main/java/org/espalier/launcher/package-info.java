/** Commands and composition. */
@NullMarked
package org.espalier.launcher;

import org.jspecify.annotations.NullMarked;
