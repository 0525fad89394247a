# Kafka's own archive is in no registry of packages; what it consists of is.
mvn --quiet --batch-mode --file "$1/pom.xml" dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory="$PWD/opt/kafka/libs"
