/** Finding providers on the module path. */
@NullMarked
package org.espalier.launcher.discovery;

import org.jspecify.annotations.NullMarked;
