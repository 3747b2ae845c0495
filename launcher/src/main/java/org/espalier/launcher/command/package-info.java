/** What a user can ask for: one class for each command. */
@NullMarked
package org.espalier.launcher.command;

import org.jspecify.annotations.NullMarked;
