/** Groups of flags that commands share, and the types of their values. */
@NullMarked
package org.espalier.launcher.option;

import org.jspecify.annotations.NullMarked;
