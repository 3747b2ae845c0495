/** The negotiations between a file's coming in and a compiled plan's coming out. Not exported. */
@NullMarked
package org.espalier.runtime.loading;

import org.jspecify.annotations.NullMarked;
