# A client for Java is not among the packages of Debian.
mvn --quiet --batch-mode --file "$1/pom.xml" dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory="$PWD/usr/local/share/java"
